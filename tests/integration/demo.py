"""What etc/quickstart needs besides the programs: a clinic's data, a day's work, a disaster, and a comparison.

    demo.py fill URL | change URL | destroy URL | remember URL FILE | compare URL FILE

Standard library only: the quickstart's machine has nothing else.
"""

import json
import pickle
import sys

from support import compare
from support.cht import Clinic
from support.couch import Couch

SEED = 7


def databases(couch):
    return [name for name in couch.databases() if not name.startswith('_')]


def leaves(couch):
    return sum(len(revs) for name in databases(couch) for revs in couch.leaf_sets(name).values())


def clinic(couch):
    return Clinic(couch, seed=SEED, people=150, users=('anna', 'bo', 'chipo'))


def fill(couch):
    clinic(couch).fill()
    print('%d databases with %d documents: contacts, reports, forms with attachments, a conflict, a deleted report'
          % (len(databases(couch)), leaves(couch)))


def change(couch):
    made = clinic(couch)
    made.contact_ids = [id for id in couch.leaf_sets('medic') if len(id) == 32][:20]
    made.report_ids = made.contact_ids[10:]
    made.random.seed(SEED + 1)
    print('%d documents are new, changed or deleted' % len(made.change()))


def destroy(couch):
    for name in databases(couch):
        couch.delete(name)
    print('databases left: %s' % (' '.join(databases(couch)) or 'none'))


def remember(couch, path):
    with open(path, 'wb') as file:
        pickle.dump({name: compare.capture(couch, name) for name in databases(couch)}, file)


def same(couch, path):
    """Compares the server with what was remembered; returns whether all is equal."""
    with open(path, 'rb') as file:
        before = pickle.load(file)
    found = ['database %s is missing' % name for name in before if not couch.exists(name)]
    for name in before:
        if couch.exists(name):
            found += ['%s: %s' % (name, line) for line in compare.differences(before[name], compare.capture(couch, name))]
    for line in found[:20]:
        print(line)
    documents = sum(len(captured['leaves']) for captured in before.values())
    attachments = sum(len(leaf['attachments']) for captured in before.values() for leaf in captured['leaves'].values())
    print('%d databases, %d documents and %d attachments compared: %s'
          % (len(before), documents, attachments, '%d DIFFERENCES' % len(found) if found else 'all equal'))
    return not found


def main(what, url, *path):
    done = {'fill': fill, 'change': change, 'destroy': destroy, 'remember': remember, 'compare': same}[what](Couch(url), *path)
    return 1 if done is False else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
