#ifndef LWIPOPTS_H
#define LWIPOPTS_H

/*
 * lwIP as the chip has it: the choices of ESP-IDF v6.0 (components/lwip/port/include/lwipopts.h). CONFIG_… are settings
 * of the firmware, of the SDK, or IDF's defaults (settings.ts).
 */

/* Who runs it */
#ifndef NO_SYS
#define NO_SYS 1	/* no tasks; the chip has some */
#endif
#if NO_SYS
#define SYS_LIGHTWEIGHT_PROT 0
#else
#define SYS_LIGHTWEIGHT_PROT 1
#define LWIP_TCPIP_CORE_LOCKING CONFIG_LWIP_TCPIP_CORE_LOCKING
#define TCPIP_MBOX_SIZE CONFIG_LWIP_TCPIP_RECVMBOX_SIZE
#define TCPIP_THREAD_NAME "tiT"
#endif
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0

/* Memory: each block by itself from the C library, so that a sanitizer sees the end of each. */
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define mem_clib_malloc stackAllocate
#define mem_clib_calloc stackAllocateZeroed
#define mem_clib_free stackFree
#define MEM_ALIGNMENT __SIZEOF_POINTER__	/* 4 on the chip */
#define MEMP_NUM_TCP_PCB CONFIG_LWIP_MAX_ACTIVE_TCP	/* kept by the copy's tcp.c: see sources.ts */
#define MEMP_NUM_TCP_PCB_LISTEN CONFIG_LWIP_MAX_LISTENING_TCP
#define MEMP_NUM_UDP_PCB CONFIG_LWIP_MAX_UDP_PCBS
#define LWIP_SUPPORT_CUSTOM_PBUF 1

/* Below TCP */
#define LWIP_IPV4 1
#define LWIP_IPV6 CONFIG_LWIP_IPV6	/* for the size of an address; nothing here sends any */
#define LWIP_IPV6_MLD 0
#define LWIP_IPV6_FRAG 0
#define LWIP_IPV6_REASS 0
#define LWIP_ND6_QUEUEING 0
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 0
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
#define IP_FRAG 1
#define IP_REASSEMBLY 0
#define LWIP_ICMP 1
#define LWIP_RAW 1
#define LWIP_UDP 1
#define ARP_QUEUEING 1
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_HAVE_LOOPIF 1
#if NO_SYS
#define LWIP_LOOPBACK_MAX_PBUFS CONFIG_LWIP_LOOPBACK_MAX_PBUFS
#else
#define LWIP_LOOPBACK_MAX_PBUFS 0	/* no limit: with both ends on this interface a lost RST would leave one of them waiting */
#endif
#define LWIP_NETIF_TX_SINGLE_PBUF 1	/* so tcp_write always copies */
#define CHECKSUM_CHECK_IP 0
#define CHECKSUM_CHECK_UDP 0
#define CHECKSUM_CHECK_ICMP 1

/* TCP */
#define LWIP_TCP 1
#define TCP_WND CONFIG_LWIP_TCP_WND_DEFAULT
#define TCP_SND_BUF CONFIG_LWIP_TCP_SND_BUF_DEFAULT
#define TCP_MSS CONFIG_LWIP_TCP_MSS
#define TCP_MSL CONFIG_LWIP_TCP_MSL
#define TCP_TMR_INTERVAL CONFIG_LWIP_TCP_TMR_INTERVAL
#define TCP_MAXRTX CONFIG_LWIP_TCP_MAXRTX
#define TCP_SYNMAXRTX CONFIG_LWIP_TCP_SYNMAXRTX
#define TCP_OVERSIZE TCP_MSS
#define TCP_QUEUE_OOSEQ 1
#define LWIP_TCP_SACK_OUT 0
#define LWIP_WND_SCALE 0
#define TCP_RCV_SCALE 0
#define TCP_LISTEN_BACKLOG 1
#define LWIP_TCP_KEEPALIVE 1
#define SO_REUSE 1
#define SO_REUSE_RXTOALL 1

/* Options of esp-lwip's, which sources.ts puts in the place of lwIP's fixed numbers */
#define LWIP_TCP_FIN_WAIT_TIMEOUT CONFIG_LWIP_TCP_FIN_WAIT_TIMEOUT
#define LWIP_TCP_RTO_TIME CONFIG_LWIP_TCP_RTO_TIME

/* The other parts of the chip's lwIP do not concern a TCP connection: DHCP, DNS, multicast groups, statistics. */
#define LWIP_DHCP 0
#define LWIP_AUTOIP 0
#define LWIP_DNS 0
#ifndef LWIP_IGMP
#define LWIP_IGMP 0	/* a timer every 100 ms; programs that need multicast groups turn it on */
#endif
#define LWIP_STATS 0

#endif
