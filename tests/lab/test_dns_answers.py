"""Our answers out of an awkward zone next to Knot's and NSD's of the same file: every name × type, and names near them."""

import os

import dns.name
import dns.rdatatype
import dns.zone

from support.case import Case
from support.dns import ASPECTS, Asker, Comparison, query
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



# (reason, what may differ, when). What an answer needs is in the RFCs; these are what they leave open.
WITH_ANY = ('ANY is answered with HINFO (RFC 8482 4.2)', {'answer', 'additional', 'flags'},
            lambda name, type, ours, theirs: type == 'ANY' and ours.rcode == theirs.rcode and bool(ours.answer) and
            bool(theirs.answer or 'TC' in theirs.flags))
WITH_ADDITIONAL = ('addresses beside an MX, SRV, NS may be there or not (RFC 1035 3.3, RFC 2181 5.4)', {'additional'},
                   lambda name, type, ours, theirs: bool(ours.answer) and 'AA' in ours.flags)
WITH_TRUNCATION = ('what is cut is asked again by TCP: how much of it stands there is nobody\'s concern (RFC 2181 9)',
                   {'answer', 'authority', 'additional'}, lambda name, type, ours, theirs: 'TC' in ours.flags and 'TC' in theirs.flags)
WITH_SOA = ('where the SOA of a negative answer does not fit beside a long chain, it is cut; Knot leaves the SOA out, NSD keeps the chain',
            {'flags', 'answer', 'authority', 'additional'},
            lambda name, type, ours, theirs: 'TC' in ours.flags and theirs.size > 400 and ours.rcode == theirs.rcode == 'NXDOMAIN')
WITH_SIZE = ('more than 1232 bytes are never sent by UDP (DNS flag day 2020)', {'flags', 'answer', 'authority', 'additional'},
             lambda name, type, ours, theirs: 'TC' in ours.flags and theirs.size > 1232)
WITH_OUTSIDE = ('no zone of ours: this one answers NXDOMAIN where there is no uplink, an authoritative server refuses',
                {'rcode', 'flags', 'authority', 'edns', 'additional'},
                lambda name, type, ours, theirs: not name.is_subdomain(dns.name.from_text(ORIGIN)) and not ours.answer)
WITH_LOOP = ('a chain of CNAMEs that is a loop may be followed or not', {'answer', 'rcode', 'authority'},
             lambda name, type, ours, theirs: any('loop' in line or 'self' in line for line in theirs.answer))
OF_NSEC = ('a CNAME is not followed where NSEC or RRSIG is asked for, which stand beside it in a signed zone (RFC 4034 3, 4); NSD does where it is unsigned',
           {'answer', 'authority', 'additional', 'rcode'},
           lambda name, type, ours, theirs: type in ('NSEC', 'RRSIG') and not ours.answer and any(' CNAME ' in line for line in theirs.answer))
OF_CUT_NSD = ('NSD says that the end of a long chain did not fit', {'flags'},
              lambda name, type, ours, theirs: 'TC' in theirs.flags and 'TC' not in ours.flags and ours.size > 400)
OF_BACKSLASH = ('NSD reads the label \\\\ of the zone file as another', set(ASPECTS) - {'question', 'edns'},
                lambda name, type, ours, theirs: b'\\' in name.labels or b']' in name.labels)
ALLOWED = {
    'knot': [WITH_ANY, WITH_SOA, WITH_SIZE, WITH_TRUNCATION, WITH_ADDITIONAL, WITH_OUTSIDE, WITH_LOOP],
    'nsd': [WITH_ANY, WITH_SOA, WITH_SIZE, WITH_TRUNCATION, WITH_ADDITIONAL, WITH_OUTSIDE, WITH_LOOP, OF_NSEC, OF_CUT_NSD, OF_BACKSLASH],
}


class Awkward(Case):
    def setUp(self):
        super().setUp()
        self.host = self.lan.host('10.66.0.1/16')
        self.netsvc = Netsvc(self, self.host, '[dns]\nlisten = %s\nnetworks = 127.0.0.0/8\n[zone %s]\nfile = %s\n' % (OURS, ORIGIN, FILE))
        self.ours = Asker(self, self.host, OURS)
        self.questions = list(questions())
        self.wires = wires(self.questions)

    def tearDown(self):
        self.netsvc.end()

    def compare(self, name, asker):
        answers = self.ours.udp(self.wires)
        theirs = asker.udp(self.wires)
        comparison = Comparison(ALLOWED[name])
        for message, one, other in zip(self.questions, answers, theirs):
            comparison.add(message, one, other)
        print('%d questions, ours next to those of %s:\n%s' % (len(self.wires), name, comparison.table()))
        self.assertFalse(comparison.unexplained, '%d answers differ from those of %s' % (len(comparison.unexplained), name))
        self.assertGreater(comparison.same, len(self.wires) * 0.8)

    def test_answers_are_knots(self):
        Knot(self, self.host, {ORIGIN: {'file': FILE}}, KNOT)
        self.compare('knot', Asker(self, self.host, KNOT))

    def test_answers_are_nsds(self):
        Nsd(self, self.host, {ORIGIN: ['zonefile: ' + FILE]}, NSD)
        self.compare('nsd', Asker(self, self.host, NSD))

    def test_by_tcp_all_is_there_that_was_cut_by_udp(self):
        Knot(self, self.host, {ORIGIN: {'file': FILE}}, KNOT)
        comparison = Comparison([reason for reason in ALLOWED['knot'] if reason not in (WITH_SIZE, WITH_TRUNCATION)])
        for message, one, other in zip(self.questions, self.ours.tcp(self.wires), Asker(self, self.host, KNOT).tcp(self.wires)):
            comparison.add(message, one, other)
        print('by TCP:\n' + comparison.table())
        self.assertFalse(comparison.unexplained)
        big = self.ours.ask('big.' + ORIGIN, 'TXT', tcp=True)
        self.assertEqual(60, len(big.answer[0]))

    def test_letters_of_a_name_come_back_as_they_were(self):
        answer = self.ours.ask('wWw.AwKwArD.eXaMpLe', 'A')
        self.assertEqual('wWw.AwKwArD.eXaMpLe.', answer.question[0].name.to_text())
        self.assertEqual('wWw.AwKwArD.eXaMpLe.', answer.answer[0].name.to_text())
