import { isIPv4, isIPv6 } from "node:net";

const WHITE_SPACE = /[ \f\n\r\t\v]/;

/** A number as C writes it: hexadecimal, octal or decimal. Digits may be missing after `0x` and `0`. */
const NUMBER = /^(?:0[xX]([0-9a-fA-F]*)|0([0-7]*)|([1-9][0-9]*))$/;

/**
 * The dotted form of an IPv4 address that is written in any way that lwIP reads (ipaddr_aton, and
 * ip4addr_aton in src/core/ipv4/ip4_addr.c of esp-lwip 2.1.3): one to four numbers, the last of which
 * fills the bytes that are left, as in `127.1`. What follows a white space is ignored. `undefined`
 * where it is no address.
 */
export function dottedAddress(address: string): string | undefined {
  if (isIPv4(address)) return address; // most are written so
  if (/^[^.]*:/.test(address)) {
    if (isIPv6(address)) throw new Error("not emulated: IPv6");
    return undefined;
  }
  const numbers = address.split(WHITE_SPACE, 1)[0].split(".").map(numberOf);
  const last = numbers.pop();
  const leading = numbers.length;
  if (leading > 3 || last === undefined || last > 0xffffffff >>> (8 * leading)) return undefined;
  if (numbers.some(number => number === undefined || number > 0xff)) return undefined;
  const rest = [24, 16, 8, 0].slice(leading).map(shift => (last >>> shift) & 0xff);
  return [...numbers, ...rest].join(".");
}

/** In 32 bits, as the chip computes: what is too large loses its upper ones. */
function numberOf(digits: string): number | undefined {
  const found = NUMBER.exec(digits);
  if (found === null) return undefined;
  const [, hexadecimal, octal = "", decimal] = found;
  const [all, base] =
    hexadecimal !== undefined
      ? [hexadecimal, 16]
      : decimal !== undefined
        ? [decimal, 10]
        : [octal, 8];
  let number = 0;
  for (const digit of all) number = (Math.imul(number, base) + Number.parseInt(digit, base)) >>> 0;
  return number;
}
