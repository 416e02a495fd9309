#include "vault/history.h"

#include <map>

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

struct Head {
  std::string iccid;
  std::uint64_t count = 0;
  base::Sha256 mac{};
};
using Heads = std::map<RecordId, Head>;

// One chain, walked entry by entry.
class Chain {
 public:
  Chain(const KeyRing& keys, std::vector<AuditFault>& faults) : keys_(keys), faults_(faults) {}

  void next(const HistoryEntry& entry, const Heads& heads) {
    if (!started_ || entry.record != record_) begin(entry.record, heads);
    if (entry.seq != seq_ + 1) fault(seq_ + 1, "entry missing");
    if (entry.seq == seq_ + 1 && chain_mac(keys_, mac_, entry) != entry.mac) {
      fault(entry.seq, "entry changed");
    }
    seq_ = entry.seq;
    mac_ = entry.mac;
  }

  void finish(const Heads& heads) {
    if (!started_) return;
    const auto head = heads.find(record_);
    if (head == heads.end()) return;  // the record is gone; its chain ends where it ends
    if (seq_ < head->second.count) fault(seq_ + 1, "entries cut off at the end");
    if (seq_ > head->second.count || (seq_ == head->second.count && mac_ != head->second.mac)) {
      fault(seq_, "entries do not end at the record's head");
    }
  }

 private:
  void begin(const RecordId& record, const Heads& heads) {
    finish(heads);
    started_ = true;
    record_ = record;
    seq_ = 0;
    mac_ = {};
    const auto head = heads.find(record);
    iccid_ = head == heads.end() ? "" : head->second.iccid;
  }
  void fault(std::uint64_t seq, std::string what) {
    faults_.push_back({record_, iccid_, seq, std::move(what)});
  }

  const KeyRing& keys_;
  std::vector<AuditFault>& faults_;
  bool started_ = false;
  RecordId record_{};
  std::string iccid_;
  std::uint64_t seq_ = 0;
  base::Sha256 mac_{};
};

}  // namespace

base::Sha256 chain_mac(const KeyRing& keys, const base::Sha256& previous,
                       const HistoryEntry& entry) {
  return keys.audit_mac({previous, canonical(entry)});
}

base::Result<std::vector<AuditFault>> verify_audit(Store& store, const KeyRing& keys) {
  Heads heads;
  const base::Status read = store.history_heads(
      [&](const RecordId& id, const Iccid& iccid, std::uint64_t count, const base::Sha256& mac) {
        heads[id] = {iccid.digits(), count, mac};
      });
  if (!read) return base::Error{read.error()};
  HistoryQuery query;
  query.limit = SIZE_MAX;
  const auto entries = store.history(query);
  if (!entries) return base::Error{entries.error()};
  std::vector<AuditFault> faults;
  Chain chain(keys, faults);
  std::map<RecordId, bool> seen;
  for (const HistoryEntry& entry : *entries) {
    chain.next(entry, heads);
    seen[entry.record] = true;
  }
  chain.finish(heads);
  for (const auto& [id, head] : heads) {
    if (head.count > 0 && !seen.contains(id)) {
      faults.push_back({id, head.iccid, 1, "entries cut off at the end"});
    }
  }
  return faults;
}

}  // namespace vault
