#include "vault/history.h"

namespace vault {

namespace {

void put_text(base::Writer& out, std::string_view text) {
  out.u32(static_cast<std::uint32_t>(text.size())).text(text);
}

base::Bytes canonical(const HistoryEntry& entry) {
  base::Writer out;
  out.bytes(entry.record).u64(entry.seq).u64(static_cast<std::uint64_t>(entry.at));
  out.bytes(entry.op);
  put_text(out, entry.note.kind);
  put_text(out, entry.note.actor);
  put_text(out, entry.note.detail);
  return out.take();
}

base::Status check_links(Store& store, const KeyRing& keys, std::vector<AuditFault>& faults) {
  ChainLinks links(keys, faults);
  HistoryQuery query;
  for (;;) {
    const auto page = store.history(query);
    if (!page) return base::Error{page.error()};
    for (const HistoryEntry& entry : *page) links.next(entry);
    if (page->size() < query.limit) return {};
    query.after = {page->back().record, page->back().seq};
  }
}

// The entry at which the record says that its chain ends. Later ones are no fault: the vault goes
// on writing while this looks.
base::Status check_head(Store& store, const RecordId& id, std::string_view iccid,
                        std::uint64_t count, const base::Sha256& mac,
                        std::vector<AuditFault>& faults) {
  HistoryQuery query;
  query.record = id;
  if (count == 0 && id != kOwnHistory) return {};
  if (count == 0) {  // the vault's own head may have been taken away with its row
    query.limit = 1;
    const auto entry = store.history(query);
    if (!entry) return base::Error{entry.error()};
    if (!entry->empty()) faults.push_back({id, "", 0, "entries without a head"});
    return {};
  }
  query.after = {id, count - 1};
  query.limit = 1;
  const auto entry = store.history(query);
  if (!entry) return base::Error{entry.error()};
  if (entry->empty() || entry->front().seq != count) {
    faults.push_back({id, std::string(iccid), count, "entries cut off at the end"});
  } else if (entry->front().mac != mac) {
    faults.push_back({id, std::string(iccid), count, "entries do not end at the record's head"});
  }
  return {};
}

}  // namespace

base::Sha256 chain_mac(const KeyRing& keys, const base::Sha256& previous,
                       const HistoryEntry& entry) {
  return keys.audit_mac({previous, canonical(entry)});
}

void ChainLinks::next(const HistoryEntry& entry) {
  if (!started_ || entry.record != record_) {
    started_ = true;
    record_ = entry.record;
    seq_ = 0;
    mac_ = {};
  }
  if (entry.seq != seq_ + 1) {
    faults_.push_back({record_, "", seq_ + 1, "entry missing"});
  } else if (chain_mac(keys_, mac_, entry) != entry.mac) {
    faults_.push_back({record_, "", entry.seq, "entry changed"});
  }
  seq_ = entry.seq;
  mac_ = entry.mac;
}

// Heads first: what is written between the two looks is then behind them.
base::Result<std::vector<AuditFault>> verify_audit(Store& store, const KeyRing& keys) {
  std::vector<AuditFault> faults;
  base::Status heads;
  const base::Status read = store.history_heads([&](const RecordId& id, std::string_view iccid,
                                                    std::uint64_t count, const base::Sha256& mac) {
    if (heads) heads = check_head(store, id, iccid, count, mac, faults);
  });
  if (!read) return base::Error{read.error()};
  if (!heads) return base::Error{heads.error()};
  if (const base::Status links = check_links(store, keys, faults); !links) {
    return base::Error{links.error()};
  }
  return faults;
}

}  // namespace vault
