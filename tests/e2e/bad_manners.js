'use strict';
// The manners of an SMSC, for bad_smsc.js. Each makes a function (session, pdu) out of its options;
// `smsc` gives what a manner may need beyond the session: smsc.held, smsc.deliver, smsc.raw.
const smpp = require('smpp');

const RESPONSES = { bind_transceiver: true, bind_transmitter: true, bind_receiver: true };

// The good one, and what the others fall back to.
function polite(session, pdu) {
  if (RESPONSES[pdu.command]) {
    session.send(pdu.response({ system_id: 'bad' }));
  } else if (pdu.command === 'submit_sm') {
    session.send(pdu.response({ message_id: pdu.sequence_number.toString(16).padStart(8, '0') }));
  } else if (!pdu.isResponse()) {
    session.send(pdu.response());
  }
}

// A manner that differs for submit_sm only.
const forSubmits = (manner) => (session, pdu) =>
  (pdu.command === 'submit_sm' ? manner(session, pdu) : polite(session, pdu));

function receiptOf(id, state = 'DELIVRD') {
  return {
    source_addr: '491701', source_addr_ton: 1, source_addr_npi: 1,
    destination_addr: '12345', esm_class: 4,
    short_message: `id:${id} sub:001 dlvrd:001 submit date:2611230905 done date:2611230906 ` +
      `stat:${state} err:000 text:`,
  };
}

const answerOf = { source_addr: '491701', source_addr_ton: 1, source_addr_npi: 1,
  destination_addr: '12345', short_message: 'Y' };

// A random number in [0, 1) that the seed decides (mulberry32).
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

exports.polite = () => polite;

// Of the first `count` submits, only each third is taken: one throttled, one with a full queue.
exports.throttles = (_smsc, { count }) => {
  const refusals = [smpp.ESME_RTHROTTLED, smpp.ESME_RMSGQFUL, 0];
  let seen = 0;
  return forSubmits((session, pdu) => {
    const refusal = seen < count ? refusals[seen % refusals.length] : 0;
    seen += 1;
    if (!refusal) return polite(session, pdu);
    return session.send(pdu.response({ command_status: refusal }));
  });
};

// Answers enquire_link, and no submit.
exports.silent = () => forSubmits(() => {});

// Reads no more from the first submit on, until `resume`; the socket stays open.
exports.deaf = (smsc) => forSubmits((session) => {
  smsc.held.push(() => session.resume());
  session.pause();
});

// Cuts the line in the middle of each seventh answer of a connection.
exports.drops = () => {
  const seen = new WeakMap();
  return forSubmits((session, pdu) => {
    const count = (seen.get(session) || 0) + 1;
    seen.set(session, count);
    if (count % 7) return polite(session, pdu);
    const answer = pdu.response({ message_id: 'cut' }).toBuffer();
    return session.socket.write(answer.subarray(0, 11), () => session.destroy());
  });
};

// Keeps the answers back, until `release`.
exports.late = (smsc) => forSubmits((session, pdu) => {
  smsc.held.push(() => polite(session, pdu));
});

// Says everything twice.
exports.repeats = () => (session, pdu) => {
  polite(session, pdu);
  polite(session, pdu);
};

// The receipt goes before the answer; ids as they come, in the receipt in lower case.
exports.receipts = (smsc, { ids }) => {
  let next = 0;
  return forSubmits((session, pdu) => {
    const id = ids[next % ids.length];
    next += 1;
    smsc.deliver(session, receiptOf(id.toLowerCase()));
    session.send(pdu.response({ message_id: id }));
  });
};

// Refuses the first `count` binds.
exports.refuses = (_smsc, { count, status }) => {
  let left = count;
  return (session, pdu) => {
    if (!RESPONSES[pdu.command] || left === 0) return polite(session, pdu);
    left -= 1;
    return session.send(pdu.response({ command_status: status }));
  };
};

// Mostly polite; otherwise one of everything, at random.
exports.moody = (smsc, { seed }) => {
  const random = seeded(seed);
  const moods = [
    [0.848, polite],
    [0.002, (session, pdu) =>  // rare: each costs half of the rate
      session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }))],
    [0.050, (session, pdu) => session.send(pdu.response({ command_status: smpp.ESME_RMSGQFUL }))],
    [0.030, (session, pdu) => { polite(session, pdu); polite(session, pdu); }],
    [0.020, (session, pdu) => {
      smsc.deliver(session, answerOf);
      smsc.deliver(session, receiptOf('4711'));
      polite(session, pdu);
    }],
    [0.020, (session, pdu) => {  // a PDU that nobody knows, and an answer that nobody waits for
      smsc.raw(session, '00000011000102030000000000000007ff' +
                        '00000010800000040000000000001267');
      polite(session, pdu);
    }],
    // A deliver_sm that is no whole one, and no answer.
    [0.020, (session) => smsc.raw(session, '0000001200000005000000007fff00000001')],
    [0.010, (session) => session.destroy()],
  ];
  return forSubmits((session, pdu) => {
    let mood = random();
    const [, act] = moods.find(([share]) => (mood -= share) < 0) || moods[0];
    act(session, pdu);
  });
};
