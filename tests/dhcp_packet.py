"""DHCP messages and the frames that carry them, made and read by hand (RFC 2131, 2132): for the tests in a LAN and those in a
virtual machine."""

import ipaddress
import struct

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
MASK, ROUTER, DNS, HOSTNAME, DOMAIN, MTU, BROADCAST, NTP, VENDOR = 1, 3, 6, 12, 15, 26, 28, 42, 43
REQUESTED, LEASE, OVERLOAD, TYPE, SERVER, PARAMETERS, MESSAGE, SIZE, T1, T2, CLASS, ID = range(50, 62)
RAPID, FQDN, AGENT, PORTAL, SEARCH, ROUTES = 80, 81, 82, 114, 119, 121
MAGIC = b'\x63\x82\x53\x63'
ALL = 'ff:ff:ff:ff:ff:ff'
ETH_P_IP = 0x800
UDP = 17
EVERYTHING = bytes((MASK, ROUTER, DNS, HOSTNAME, DOMAIN, MTU, BROADCAST, NTP, LEASE, SERVER, T1, T2, PORTAL, SEARCH, ROUTES))
HEAD = struct.Struct('!BBBBIHH4s4s4s4s16s64s128s')


def mac_bytes(text):
    return bytes.fromhex(text.replace(':', ''))


def mac_text(data):
    return data.hex(':')


def address_bytes(text):
    return ipaddress.ip_address(text).packed


def address_text(data):
    return str(ipaddress.ip_address(data))


class Packet:
    """`options` is {code: bytes}; the addresses are text. `raw` is what came."""

    def __init__(self, op=1, xid=0, secs=0, flags=0, ciaddr='0.0.0.0', yiaddr='0.0.0.0', siaddr='0.0.0.0', giaddr='0.0.0.0', chaddr=b'',
                 hops=0, htype=1, hlen=None, options=()):
        self.op, self.htype, self.hlen, self.hops = op, htype, len(chaddr) if hlen is None else hlen, hops
        self.xid, self.secs, self.flags = xid, secs, flags
        self.ciaddr, self.yiaddr, self.siaddr, self.giaddr, self.chaddr = ciaddr, yiaddr, siaddr, giaddr, chaddr
        self.options = dict(options)
        self.order, self.raw, self.frame = [], b'', None

    @classmethod
    def read(cls, raw):
        fields = HEAD.unpack_from(raw)
        packet = cls(fields[0], fields[4], fields[5], fields[6], *map(address_text, fields[7:11]), fields[11][:min(fields[2], 16)], fields[3],
                     fields[1], fields[2])
        packet.raw, packet.file_fields = raw, fields[12:]
        assert raw[HEAD.size:HEAD.size + 4] == MAGIC, 'no magic cookie'
        packet._read_options(raw[HEAD.size + 4:])
        overload = packet.options.get(OVERLOAD, b'\0')[0]
        if overload & 1:
            packet._read_options(fields[13])
        if overload & 2:
            packet._read_options(fields[12])
        return packet

    def _read_options(self, data):
        at = 0
        while data[at] != 255:
            if data[at] == 0:
                at += 1
                continue
            code, size = data[at], data[at + 1]
            assert at + 2 + size < len(data), 'option %d is longer than the packet' % code
            self.order.append(code)
            self.options[code] = self.options.get(code, b'') + data[at + 2:at + 2 + size]  # RFC 3396
            at += 2 + size

    def write(self):
        head = HEAD.pack(self.op, self.htype, self.hlen, self.hops, self.xid, self.secs, self.flags,
                         *map(address_bytes, (self.ciaddr, self.yiaddr, self.siaddr, self.giaddr)), self.chaddr, b'', b'')
        return head + MAGIC + b''.join(map(self._option, self.options.items())) + b'\xff'

    @staticmethod
    def _option(option):
        code, data = option
        pieces = [data[at:at + 255] for at in range(0, len(data), 255)] or [b'']
        return b''.join(bytes((code, len(piece))) + piece for piece in pieces)

    @property
    def type(self):
        return self.options[TYPE][0]

    @property
    def server(self):
        return address_text(self.options[SERVER])

    def number(self, code):
        return int.from_bytes(self.options[code], 'big')

    def addresses(self, code):
        data = self.options[code]
        return [address_text(data[at:at + 4]) for at in range(0, len(data), 4)]

    def __repr__(self):
        return '<%s yiaddr %s ciaddr %s giaddr %s options %s>' % (
            dict(enumerate('- DISCOVER OFFER REQUEST DECLINE ACK NAK RELEASE INFORM'.split())).get(self.options.get(TYPE, b'\0')[0]),
            self.yiaddr, self.ciaddr, self.giaddr, {code: data.hex() for code, data in self.options.items()})


# ---- frames ----

def write_frame(payload, source_mac, mac=ALL, source='0.0.0.0', to='255.255.255.255', port=67, source_port=68):
    """Ethernet, IPv4 and UDP around it."""
    udp = struct.pack('!HHHH', source_port, port, 8 + len(payload), 0) + payload
    pseudo = address_bytes(source) + address_bytes(to) + struct.pack('!BBH', 0, UDP, len(udp))
    udp = udp[:6] + struct.pack('!H', checksum(pseudo + udp) or 0xffff) + udp[8:]
    ip = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(udp), 0, 0, 64, UDP, 0) + address_bytes(source) + address_bytes(to)
    ip = ip[:10] + struct.pack('!H', checksum(ip)) + ip[12:]
    return mac_bytes(mac) + mac_bytes(source_mac) + struct.pack('!H', ETH_P_IP) + ip + udp


def read_frame(data, checksum_ready=True):
    """The message in a frame with IPv4, None where there is none; its `frame` tells what was around it."""
    ip = data[14:14 + struct.unpack_from('!H', data, 16)[0]]
    head = (ip[0] & 15) * 4
    udp = ip[head:]
    if ip[9] != UDP or struct.unpack_from('!HH', udp) not in ((67, 68), (67, 67)):
        return None
    packet = Packet.read(udp[8:])
    right = checksum(ip[:head]) == 0 and (
        not checksum_ready or udp[6:8] == b'\0\0' or checksum(ip[12:20] + struct.pack('!BBH', 0, UDP, len(udp)) + udp) == 0)
    packet.frame = {'mac': mac_text(data[:6]), 'from': mac_text(data[6:12]), 'source': address_text(ip[12:16]),
                    'to': address_text(ip[16:20]), 'ttl': ip[8], 'port': struct.unpack_from('!H', udp, 2)[0], 'checksum': right}
    return packet


def checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff
