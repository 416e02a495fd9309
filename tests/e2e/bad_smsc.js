'use strict';
// node-smpp as an SMSC that behaves badly; bad_manners.js says how.
//   node bad_smsc.js PIECE [KEY.pem CERT.pem [VERSION GROUP]]
// PIECE: octets written at a time, 0 for any number. VERSION: the newest of TLS.
// Commands are lines of JSON on standard input, answered in their order by {"event": "done"}:
//   {"do": "manner", "name": ..., ...}   from now on, with the manner's own options
//   {"do": "release"}                    what a manner has held back
//   {"do": "deliver", "pdu": {...}}      a deliver_sm on the newest connection
// Commands are lines of JSON on standard input, answered in their order by {"event": "done", ...}:
// nack, closed. It ends when its standard input does.
const fs = require('fs');
const readline = require('readline');
const smpp = require('smpp');
const manners = require('./bad_manners.js');

const [piece, key, cert, version, group] = process.argv.slice(2);
const tell = (event, more) => process.stdout.write(`${JSON.stringify({ event, ...more })}\n`);

const smsc = {
  held: [],
  sessions: [],
  deliver(session, pdu) {
    session.deliver_sm(pdu, (answer) =>
      tell('answer', { sequence: answer.sequence_number, status: answer.command_status }));
    return session.sequence;
  },
  raw(session, hex) {
    if (session.socket.writable) session.socket.write(Buffer.from(hex, 'hex'));
  },
};
let manner = manners.polite(smsc, {});

// Each piece is written when the one before has left, so that none share a segment by chance.
function inPieces(socket, size) {
  const write = socket.write.bind(socket);
  let before = Promise.resolve();
  socket.setNoDelay(true);
  socket.write = (octets, done) => {
    before = before.then(async () => {
      for (let at = 0; at < octets.length && socket.writable; at += size) {
        await new Promise((left) => write(octets.subarray(at, at + size), left));
      }
      if (done) done();
    });
    return true;
  };
}

function note(pdu) {
  if (pdu.command.startsWith('bind_')) {
    tell('bind', { as: pdu.command });
  } else if (pdu.command === 'submit_sm') {
    tell('submit', { to: pdu.destination_addr, text: String(pdu.short_message.message) });
  } else if (pdu.command === 'unbind') {
    tell('unbind');
  } else if (pdu.command === 'generic_nack') {
    tell('nack', { sequence: pdu.sequence_number });
  }
}

function serve(session) {
  smsc.sessions.push(session);
  if (Number(piece)) inPieces(session.socket, Number(piece));
  session.on('error', () => session.destroy());
  session.on('close', () => {
    smsc.sessions.splice(smsc.sessions.indexOf(session), 1);
    tell('closed');
  });
  session.on('pdu', (pdu) => {
    note(pdu);
    manner(session, pdu);
  });
}

const commands = {
  manner({ name, ...options }) { manner = manners[name](smsc, options); },
  release() { smsc.held.splice(0).forEach((one) => one()); },
  deliver({ pdu }) {
    return { sequence: smsc.deliver(smsc.sessions[smsc.sessions.length - 1], pdu) };
  },
};

readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    const command = JSON.parse(line);
    const result = commands[command.do](command);
    tell('done', result);
  })
  .on('close', () => process.exit(0));

const tls = key ? { key: fs.readFileSync(key), cert: fs.readFileSync(cert) } : {};
if (version) Object.assign(tls, { maxVersion: version, ecdhCurve: group });
const server = smpp.createServer(tls, serve);
server.listen(0, '127.0.0.1', () => tell('listening', { port: server.address().port }));
