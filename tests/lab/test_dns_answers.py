"""Our answers out of an awkward zone next to Knot's and NSD's of the same file: every name × type, and names near them."""

import os

import dns.name
import dns.rdatatype
import dns.zone

from support.case import Case
from support.dns import Asker, Comparison, query
from support.netsvc import Netsvc
from support.servers import Knot, Nsd

ORIGIN = 'awkward.example'
FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'zones', ORIGIN + '.zone')
TYPES = ('A', 'AAAA', 'NS', 'SOA', 'MX', 'TXT', 'CNAME', 'DNAME', 'SRV', 'HTTPS', 'DS', 'NSEC', 'ANY', 'TYPE65280')
OURS, KNOT, NSD = '127.0.0.1', '127.0.0.2', '127.0.0.3'
LABEL_MAX = 63


def names_of(zone):
    """Every owner, every name above it, and near each: below, beside, in other letters."""
    origin = dns.name.from_text(ORIGIN)
    found = set()
    for owner in zone.nodes:
        name = owner.derelativize(origin)
        while name != origin.parent():
            found.add(name)
            name = name.parent()
    near = set()
    for name in found:
        for more in (b'nx', b'*', b'\x00'):
            near.add(below(name, more))
        near.add(below(below(name, b'two'), b'nx'))
        first = name.labels[0]
        near.add(dns.name.Name((first[:-1] + bytes((first[-1] ^ 1,)),) + name.labels[1:]))  # its neighbour
        near.add(dns.name.Name(tuple(label.swapcase() for label in name.labels)))
    return sorted(found) + sorted(name for name in near if name is not None and name not in found)


def below(name, label):
    try:
        return name and dns.name.Name((label,) + name.labels)
    except dns.name.NameTooLong:
        return None


def outside():
    return [dns.name.from_text(name) for name in ('.', 'example.', 'www.elsewhere.example.', 'awkwardexample.', 'xawkward.example.')]


def questions():
    zone = dns.zone.from_file(FILE, ORIGIN, relativize=True, check_origin=False)
    for name in names_of(zone) + outside():
        for type in TYPES:
            yield query(name, type)
            if type in ('A', 'MX', 'TXT', 'DS', 'ANY'):
                yield query(name, type, edns=1232)
                yield query(name, type, edns=4096, dnssec=True)
    for owner, node in zone.nodes.items():
        for rdataset in node.rdatasets:
            for size in (None, 512, 1232, 4096):
                yield query(owner.derelativize(dns.name.from_text(ORIGIN)), rdataset.rdtype, edns=size)


def wires(messages):
    return [message.to_wire() for message in messages]
