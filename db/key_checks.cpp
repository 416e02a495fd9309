#include "db/key_checks.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/log.h"
#include "db/connect.h"
#include "db/schema.h"
#include "db/seal.h"
#include "db/sql_tx_entry.h"

namespace db {

using base::cat;
using Kind = SqlError::Kind;

namespace {

constexpr int kSchemaStep = 7;  // that made the table
constexpr char kKnownText[] = "bipvault key check: known to all";

const char* name_of(KeyKind kind) {
  return kind == KeyKind::master ? "master key" : kind == KeyKind::pepper ? "pepper" : "audit key";
}

// Nobody else's message begins like this: subscribers' keys and entries of the history begin with
// the random id of a record.
base::Bytes binding_of(const KeyId& id) {
  base::Writer writer;
  return writer.text("bipvault key check")
      .u8(static_cast<std::uint8_t>(id.kind))
      .u32(id.number)
      .take();
}

std::map<KeyId, base::Bytes> kept_values(SqlConnection& use) {
  std::map<KeyId, base::Bytes> values;
  use.query("SELECT kind, key_number, check_value FROM key_checks", {}, [&](const Row& row) {
    const KeyId id{static_cast<KeyKind>(row.number(0)), static_cast<std::uint32_t>(row.number(1))};
    values[id] = row.blob(2);
  });
  return values;
}

// Where such a key lies: the key of section [keys], and for people.
std::pair<const char*, std::string> place_of(const KeyFiles& files, KeyKind kind, bool token) {
  if (token) return {"pkcs11_token", "HSM token '" + files.token.token + "'"};
  if (kind == KeyKind::master) return {"master_key_file", "key file " + files.master_key_file};
  if (kind == KeyKind::pepper) return {"pepper_file", "key file " + files.pepper_file};
  return {"audit_key_file", "key file " + files.audit_key_file};
}

void insert(SqlConnection& use, const std::map<KeyId, base::Bytes>& values) {
  use.begin();
  try {
    for (const auto& [id, value] : values) {
      use.execute("INSERT INTO key_checks (kind, key_number, check_value) VALUES (?, ?, ?)",
                  {number(static_cast<int>(id.kind)), number(id.number), base::View(value)});
    }
    use.commit();
  } catch (const SqlError& error) {
    use.rollback();
    if (error.kind() != Kind::constraint) throw;  // else another process was faster
  } catch (...) {
    use.rollback();
    throw;
  }
}

// No index tells which content is under a master key, and of one that has none all would be gone
// through, by every connection that is made. Records are numbered by chance, and a rotation goes
// from one end to the other: whatever there is much of is found at one of the ends.
std::string some_keys_sql(bool from_the_end) {
  const char* const order = from_the_end ? " DESC" : "";
  return cat(
      "SELECT k.wrapped, i.id FROM (SELECT record_id, place, master, wrapped FROM data_keys ",
      "ORDER BY record_id", order, ", place", order, " LIMIT ", KeyChecks::kLookedAt,
      ") k CROSS JOIN images i WHERE k.master = ? AND i.record_id = k.record_id ",
      "AND i.place = k.place LIMIT 8");
}

}  // namespace

KeyChecks::KeyChecks(const FileKeyRing& keys) : keys_(keys) {
  for (const std::uint32_t n : keys.master_keys().numbers()) ids_.push_back({KeyKind::master, n});
  for (const auto& [n, key] : keys.peppers()) ids_.push_back({KeyKind::pepper, n});
  for (const auto& [n, key] : keys.audit_keys()) ids_.push_back({KeyKind::audit, n});
}

bool KeyChecks::recorded() const {
  return state_ == State::recorded && token_generation_ == keys_.master_keys().token_generation();
}

std::vector<KeyFault> KeyChecks::faults(SqlConnection& use) {
  std::vector<KeyId> missing;
  return compare(use, missing);
}

std::string KeyChecks::fault(SqlConnection& use) { return text_of(faults(use)); }

void KeyChecks::record(SqlConnection& use) {
  std::vector<KeyId> missing;
  auto found = compare(use, missing);
  if (found.empty() && !missing.empty()) {
    Values values;
    for (const KeyId& id : missing) {
      try {
        values[id] = value_of(id);
      } catch (const SqlError& error) {
        if (error.kind() != Kind::keys) throw;  // else the next one does it
      }
    }
    if (!values.empty()) insert(use, values);
    found = compare(use, missing);
  }
  if (!found.empty()) throw SqlError(Kind::misfit, 0, text_of(found));
}

std::vector<KeyFault> KeyChecks::compare(SqlConnection& use, std::vector<KeyId>& missing) {
  missing.clear();
  std::vector<KeyFault> found;
  const std::uint64_t generation = keys_.master_keys().token_generation();
  if (generation != token_generation_) forget_token();
  const Values kept = kept_values(use);
  const bool any_master = std::any_of(kept.begin(), kept.end(), [](const auto& value) {
    return value.first.kind == KeyKind::master;
  });
  State state = State::recorded;
  const auto gone = [&](const KeyId& id) {
    return id.kind == KeyKind::master && keys_.master_keys().gone(id.number);
  };
  for (const KeyId& id : ids_) {
    try {
      const auto value = kept.find(id);
      if (value == kept.end() && !gone(id)) missing.push_back(id);
      const bool provable = id.kind == KeyKind::master && !any_master;
      const bool wrong =
          value != kept.end() ? !fits(id, value->second) : provable && disproved(use, id.number);
      if (wrong) found.push_back(fault_of(id));
    } catch (const SqlError& error) {
      if (error.kind() != Kind::keys) throw;
      if (!gone(id)) state = State::pending;
    }
  }
  if (state == State::recorded) token_generation_ = generation;
  if (state == State::recorded && !(missing.empty() && found.empty())) state = State::unrecorded;
  state_ = state;
  return found;
}

void KeyChecks::forget_token() {
  right_.with([&](Values& right) {
    std::erase_if(right, [&](const auto& value) {
      return value.first.kind == KeyKind::master &&
             keys_.master_keys().in_token(value.first.number);
    });
  });
}

bool KeyChecks::fits(const KeyId& id, const base::Bytes& value) {
  const bool known = right_.with([&](const Values& right) {
    const auto before = right.find(id);
    return before != right.end() && before->second == value;
  });
  if (known) return true;
  if (id.kind == KeyKind::master) {
    const auto text = keys_.master_keys().unwrap(id.number, value, binding_of(id));
    if (!text || !base::equal_constant_time(text->view(), base::as_bytes(kKnownText))) return false;
  } else if (value != value_of(id)) {
    return false;
  }
  right_.with([&](Values& right) { right[id] = value; });
  return true;
}

// In a database from before there were values: content that names this master key, and none of it
// opens. Of several, since a single one may be damaged.
bool KeyChecks::disproved(SqlConnection& use, std::uint32_t master) {
  std::vector<Sealed> some;
  for (const bool from_the_end : {false, true}) {
    use.query(some_keys_sql(from_the_end), {number(master)}, [&](const Row& row) {
      Sealed sealed;
      sealed.master = master;
      sealed.wrapped = row.blob(0);
      (void)take_octets(sealed.id, row.blob(1));
      some.push_back(std::move(sealed));
    });
  }
  const Sealer sealer(keys_.master_keys());
  return !some.empty() && std::none_of(some.begin(), some.end(), [&](const Sealed& sealed) {
    return sealer.has_key(sealed);
  });
}

// It may be in the database: of a key of 256 random bits neither an HMAC nor a sealed text tells
// anything but whether a guess of the whole key was right.
base::Bytes KeyChecks::value_of(const KeyId& id) const {
  const base::Bytes binding = binding_of(id);
  if (id.kind == KeyKind::master) {
    return keys_.master_keys().wrap(id.number, base::as_bytes(kKnownText), binding);
  }
  const NumberedKeys& keys = id.kind == KeyKind::pepper ? keys_.peppers() : keys_.audit_keys();
  const base::Sha256 mac = base::hmac_sha256(keys.at(id.number).view(), {base::View(binding)});
  return {mac.begin(), mac.end()};
}

KeyFault KeyChecks::fault_of(const KeyId& id) const {
  const bool token = id.kind == KeyKind::master && keys_.master_keys().in_token(id.number);
  const auto& [key, place] = place_of(keys_.files(), id.kind, token);
  return {key, cat(place, " does not belong to this database: ", name_of(id.kind), " ", id.number,
                   " is another key than the one used before; bring the right ",
                   token ? "token" : "file", " back")};
}

std::vector<KeyFault> foreign_keys(const Settings& settings, const FileKeyRing& keys) {
  try {
    return KeyChecks(keys).faults(*open_current(settings, SqliteMode::read));
  } catch (const SqlError&) {
    return {};
  }
}

std::vector<KeyId> lacking_keys(const Settings& settings, const FileKeyRing& keys) {
  std::vector<KeyId> lacking;
  try {
    const std::map<KeyId, base::Bytes> kept =
        kept_values(*open_current(settings, SqliteMode::read));
    const auto look = [&](KeyKind kind, std::uint32_t newest) {
      const auto above = kept.upper_bound({kind, kHighestKeyNumber});
      if (above == kept.begin()) return;
      const KeyId last = std::prev(above)->first;
      if (last.kind == kind && last.number > newest) lacking.push_back(last);
    };
    look(KeyKind::master, keys.master_keys().newest());
    look(KeyKind::pepper, keys.newest_pepper());
  } catch (const SqlError&) {
  }
  return lacking;
}

std::string lacks_text(const KeyFiles& files, const KeyId& id) {
  const bool token = id.kind == KeyKind::master && !files.token.module.empty();
  return cat(place_of(files, id.kind, token).second, " lacks ", name_of(id.kind), " ", id.number,
             ", which the database knows");
}

std::string taken_back_text(std::uint32_t number, bool in_hsm) {
  return cat("another host has made key ", number,
             " at the same moment: the one made here was taken back, nothing has changed. ",
             in_hsm ? "See keys status before you repeat it" : "Bring the file from there");
}

base::Status record_keys(const Settings& settings, const FileKeyRing& keys) {
  try {
    KeyChecks(keys).record(*open_current(settings, SqliteMode::write));
    return {};
  } catch (const SqlError& error) {
    return base::Error{error.text()};
  }
}

base::Result<FirstNumbers> unused_numbers(const Settings& settings) {
  const auto status = schema_status(settings);
  if (!status) return base::Error{status.error()};
  FirstNumbers numbers;
  if (status->found == 0) return numbers;
  const auto above = [](SqlConnection& use, std::uint32_t& number, std::string_view sql) {
    use.query(sql, {}, [&](const Row& row) {
      if (!row.null(0)) number = std::max(number, static_cast<std::uint32_t>(row.number(0)) + 1);
    });
  };
  try {
    const auto use = open_patient(settings, SqliteMode::read);
    above(*use, numbers.master, "SELECT MAX(master) FROM data_keys");
    above(*use, numbers.pepper, "SELECT MAX(pepper) FROM records");
    if (status->found < kSchemaStep) return numbers;
    above(*use, numbers.master, "SELECT MAX(key_number) FROM key_checks WHERE kind = 1");
    above(*use, numbers.pepper, "SELECT MAX(key_number) FROM key_checks WHERE kind = 2");
    return numbers;
  } catch (const SqlError& error) {
    return base::Error{error.text()};
  }
}

base::Status forget_keys(const Settings& settings, const std::vector<KeyKind>& kinds) {
  const auto status = schema_status(settings);
  if (!status) return base::Error{status.error()};
  if (kinds.empty() || status->found < kSchemaStep) return {};
  try {
    const auto use = open_connection(settings, SqliteMode::write);
    for (const KeyKind kind : kinds) {
      use->execute("DELETE FROM key_checks WHERE kind = ?", {number(static_cast<int>(kind))});
    }
    return {};
  } catch (const SqlError& error) {
    return base::Error{error.text()};
  }
}

}  // namespace db
