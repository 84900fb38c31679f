// imapflow.js PORT USER PASSWORD SEED BOX...: ImapFlow changes random messages until its input ends. Node finds it by NODE_PATH.
'use strict';
const { ImapFlow } = require('imapflow');
const [port, user, pass, seed, ...boxes] = process.argv.slice(2);
let state = Number(seed) >>> 0;
const random = () => { // mulberry32: a seed is enough to say the same again
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const pick = (some) => some[Math.floor(random() * some.length)];
let ended = false;
process.stdin.on('end', () => { ended = true; }).resume();

async function act(client, box, round) {
  const lock = await client.getMailboxLock(box);
  try {
    const what = random();
    const uids = (await client.search({ all: true }, { uid: true })) || [];
    if (uids.length === 0 || (what < 0.3 && uids.length < 60)) {
      const name = `<node.${round}@sync.test>`;
      console.log(`added ${name}`);
      const text = `Message-ID: ${name}\r\nFrom: node@sync.test\r\nSubject: node.${round}@sync.test\r\n\r\n` + 'a line of text\r\n'.repeat(1 + Math.floor(random() * 20));
      await client.append(pick(boxes), text, what < 0.15 ? ['\\Seen', '\\Flagged'] : []);
      return;
    }
    const uid = String(pick(uids));
    const flag = pick(['\\Seen', '\\Answered', '\\Flagged', '\\Draft']);
    if (what < 0.5) await client.messageFlagsAdd(uid, [flag], { uid: true });
    else if (what < 0.7) await client.messageFlagsRemove(uid, [flag], { uid: true });
    else if (what < 0.8) {
      const message = await client.fetchOne(uid, { envelope: true }, { uid: true });
      // Where the message has gone, ImapFlow gives what the server told of another one's flags meanwhile.
      if (message && message.envelope) {
        console.log(`deleted ${message.envelope.messageId}`);
        await client.messageDelete(uid, { uid: true });
      }
    } else if (what < 0.9) await client.messageMove(uid, pick(boxes.filter((other) => other !== box)), { uid: true });
    else if (uids.length < 60) await client.messageCopy(uid, pick(boxes), { uid: true });
  } finally {
    lock.release();
  }
}

async function main() {
  const client = new ImapFlow({ host: 'localhost', port: Number(port), secure: false, doSTARTTLS: false, auth: { user, pass }, logger: false });
  await client.connect();
  for (let round = 1; !ended; ++round) {
    await act(client, pick(boxes), round);
    console.log('round');
    await new Promise((done) => setTimeout(done, 50));
  }
  await client.logout();
}
main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
