/* Phones: PouchDB databases in memory that sync with a server, as a test tells them on standard input, a line of JSON
 * each; an answer is a line likewise.
 *
 *   {"do": "put", "phone": "one", "docs": [{"_id": …}]}
 *   {"do": "sync", "phone": "one", "url": "http://…/medic", "pull": {}, "push": {"checkpoint": "source"}}
 *       → {"pulled": N, "read": N, "pushed": N, "requests": N, "seconds": N}     pull or push null: not that way
 *   {"do": "ids", "phone": "one"}  → {"ids": {ID: REV}}
 */
const PouchDB = require('pouchdb-core')
    .plugin(require('pouchdb-adapter-memory'))
    .plugin(require('pouchdb-adapter-http'))
    .plugin(require('pouchdb-replication'));
const { fetch } = require('pouchdb-fetch');
const readline = require('readline');

const phones = new Map();
let requests = 0;

function phone(name) {
    if (!phones.has(name))
        phones.set(name, new PouchDB(name, { adapter: 'memory' }));
    return phones.get(name);
}

function counted(url, options) {
    requests++;
    return fetch(url, options);
}

async function sync({ phone: name, url, pull, push }) {
    const local = phone(name), remote = new PouchDB(url, { fetch: counted, skip_setup: true });
    const began = Date.now(), told = { pulled: 0, read: 0, pushed: 0 };
    requests = 0;
    if (push) {
        const done = await local.replicate.to(remote, push);
        told.pushed = done.docs_written;
    }
    if (pull) {
        const done = await local.replicate.from(remote, pull);
        told.pulled = done.docs_written;
        told.read = done.docs_read;
    }
    return { ...told, requests, seconds: (Date.now() - began) / 1000 };
}

const todo = {
    sync,
    async put({ phone: name, docs }) {
        const answers = await phone(name).bulkDocs(docs);
        return { errors: answers.filter(answer => answer.error).length };
    },
    async ids({ phone: name }) {
        const all = await phone(name).allDocs();
        return { ids: Object.fromEntries(all.rows.map(row => [row.id, row.value.rev])) };
    },
};

readline.createInterface({ input: process.stdin }).on('line', async line => {
    const order = JSON.parse(line);
    let answer;
    try {
        answer = await todo[order.do](order);
    } catch (error) {
        answer = { error: String(error.message || error.reason || error) };
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
});
