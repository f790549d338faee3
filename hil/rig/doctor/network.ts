import { BlockList } from "node:net";
import type { DoctorParts, LocalAddress } from "./step.ts";

/** True if one of this computer's addresses is in the network of `board`. */
export function sameNetwork(board: string, addresses: readonly LocalAddress[]): boolean {
  return addresses.some(({ cidr }) => {
    const [address, bits] = cidr.split("/");
    const network = new BlockList();
    network.addSubnet(address, Number(bits));
    return network.check(board);
  });
}

/** Help if the board and this computer are in different networks. */
export function otherNetwork(board: string, addresses: readonly LocalAddress[]): string[] {
  const here = addresses.map(({ name, cidr }) => `${cidr} (${name})`).join(", ");
  return [
    `The board is at ${board}; this computer is at ${here || "no address at all"}: other networks.`,
    "Bring both into the same one. A guest network keeps its guests apart, and so does a VPN;",
    "a computer in WSL or a virtual machine is in a network of its own.",
  ];
}

/**
 * Help if both are in one network: the computer's firewall. The commands let in all ports from the board's
 * address, because each backend of a scenario has a port of its own.
 */
export function blocked(board: string, { platform, backendPorts }: DoctorParts): string[] {
  const ports = backendPorts.join(" and ");
  const router = "If it is none: some routers keep Wi-Fi clients apart (client isolation).";
  switch (platform) {
    case "win32":
      return [
        `While the network's profile is Public, Windows blocks what comes in: ${ports}, and all others.`,
        "In a PowerShell of an administrator, look at the profile, and make it private:",
        "  Get-NetConnectionProfile",
        '  Set-NetConnectionProfile -InterfaceAlias "Wi-Fi" -NetworkCategory Private',
        "or let the board in whatever the profile:",
        `  New-NetFirewallRule -DisplayName "Hot Potato" -Direction Inbound -Protocol TCP -RemoteAddress ${board} -Action Allow`,
        "The same without PowerShell:",
        `  netsh advfirewall firewall add rule name="Hot Potato" dir=in action=allow protocol=TCP remoteip=${board}`,
        router,
      ];
    case "darwin":
      return [
        "macOS asks once whether node may take connections, and remembers a no. Allow it:",
        "  /usr/libexec/ApplicationFirewall/socketfilterfw --getglobalstate",
        `  sudo /usr/libexec/ApplicationFirewall/socketfilterfw --add "$(command -v node)"`,
        `  sudo /usr/libexec/ApplicationFirewall/socketfilterfw --unblockapp "$(command -v node)"`,
        router,
      ];
    default:
      return [
        "A firewall of this computer, whichever it has; each of these lets the board in:",
        `  sudo ufw allow proto tcp from ${board}`,
        `  sudo firewall-cmd --add-rich-rule='rule family=ipv4 source address=${board} accept'`,
        `  sudo nft list ruleset          (look for "drop"; the rule to insert before it:)`,
        `  sudo nft insert rule inet filter input ip saddr ${board} tcp dport 1-65535 accept`,
        router,
      ];
  }
}
