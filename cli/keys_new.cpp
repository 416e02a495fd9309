#include "cli/keys_new.h"

#include <algorithm>
#include <utility>

#include "db/key_checks.h"
#include "db/stores.h"
#include "db/token_keys.h"

namespace cli {

namespace {

using base::cat;

struct Wanted {
  std::string kind;
  bool token = false;         // there is one for this kind
  bool in_hsm = false;        // it goes there
  std::uint32_t above = 0;    // numbers that are taken: by file, HSM and database
  bool with_database = true;  // false: forced though it cannot be reached
};

int report(const Tool& tool, const char* place, const std::string& where, std::uint32_t number,
           const std::string& then) {
  if (tool.json()) {
    JsonObject out = json_object();
    out.set(place, where);
    out.set("number", number);
    tool.print(out);
  } else {
    tool.print(then);
  }
  return kDone;
}

// What the keys at hand and the database have seen; not kDone: refused.
int count(Tool& tool, const config::Config& config, Wanted& wanted) {
  const bool force = tool.line().has("force");
  const auto ring = db::FileKeyRing::load(config.keys);
  if (!ring) return tool.fail(kBadConfig, ring.error());
  const bool master = wanted.kind == "master";
  wanted.above = master ? (*ring)->master_keys().newest() : (*ring)->newest_pepper();
  const auto status = db::schema_status(config.store);
  const auto unused = db::unused_numbers(config.store);
  wanted.with_database = status && unused && !status->no_file;
  if (!wanted.with_database) {
    if (force) return kDone;
    return tool.fail(kUnavailable,
                     cat(!unused ? unused.error() : db::no_database(config.store.path),
                         "; keys new needs the database, which knows the numbers that were given; "
                         "where there is none yet: --force"));
  }
  for (const db::KeyFault& fault : db::foreign_keys(config.store, **ring)) {
    return tool.fail(kBadConfig, fault.text);
  }
  const std::uint32_t seen = (master ? unused->master : unused->pepper) - 1;
  if (seen > wanted.above && !force) {
    const db::KeyId lacking{master ? db::KeyKind::master : db::KeyKind::pepper, seen};
    return tool.fail(kFailed, cat(db::lacks_text(config.keys, lacking),
                                  ": bring it from the host that has it first, or the two files "
                                  "have to be joined by hand. If it is lost: --force"));
  }
  wanted.above = std::max(wanted.above, seen);
  return kDone;
}

base::Result<std::uint32_t> make(const config::Config& config, const Wanted& wanted) {
  if (!wanted.in_hsm) {
    return db::add_key(key_file_of(config, wanted.kind), wanted.above, wanted.token);
  }
  const auto token = db::TokenKeys::open(config.keys.token);
  if (!token) return base::Error{token.error()};
  const std::uint32_t number = wanted.above + 1;
  if (const base::Status made = (*token)->create(number); !made) return base::Error{made.error()};
  return number;
}

struct Noted {
  base::Status status;
  bool taken = false;  // another host was faster: the database has another key under the number
};

// From now on nobody else gives its number to another key.
Noted note(const config::Config& config) {
  const auto ring = db::FileKeyRing::load(config.keys);
  if (!ring) return {base::Error{ring.error()}};
  const auto status = db::schema_status(config.store);
  if (!status) return {base::Error{status.error()}};
  if (status->found != status->code) return {};
  base::Status recorded = db::record_keys(config.store, **ring);
  // All others were looked at before this one was made.
  const bool taken = !recorded && !db::foreign_keys(config.store, **ring).empty();
  return {std::move(recorded), taken};
}

// Nothing has been made with it: the instances have not read it.
base::Status take_back(const config::Config& config, const Wanted& wanted, std::uint32_t number) {
  if (!wanted.in_hsm) return db::drop_key(key_file_of(config, wanted.kind), number, number + 1);
  const auto token = db::TokenKeys::open(config.keys.token);
  return token ? (*token)->destroy(number) : base::Status(base::Error{token.error()});
}

int told_taken(Tool& tool, const config::Config& config, const Wanted& wanted,
               std::uint32_t number) {
  if (const base::Status gone = take_back(config, wanted, number); !gone) {
    return tool.fail(kFailed, cat("another host has made key ", number,
                                  " at the same moment; the one made here must go and could not "
                                  "be taken back: ",
                                  gone.error()));
  }
  return tool.fail(kFailed, db::taken_back_text(number, wanted.in_hsm));
}

}  // namespace

bool is_key_kind(const std::string& kind) { return kind == "master" || kind == "pepper"; }

const std::string& key_file_of(const config::Config& config, const std::string& kind) {
  return kind == "master" ? config.keys.master_key_file : config.keys.pepper_file;
}

base::Result<db::KeyFileLock> lock_keys(const Tool& tool, const config::Config& config,
                                        const std::string& kind) {
  const std::string& own = key_file_of(config, kind);
  const std::string& file = own.empty() ? config.keys.pepper_file : own;
  return db::KeyFileLock::take(file, [&] {
    (void)tool.fail(kDone, cat("another process is changing keys in ", db::directory_of(file),
                               "; waiting for it"));
  });
}

CommandSpec keys_new_command() {
  return {
      "keys new",
      "KIND",
      1,
      1,
      "add a new key to a key file",
      "Adds a random key under the next number to the file of KIND: master or pepper. What is "
      "new\n"
      "is made with it by every program that has read the file since; the old keys stay. Copy "
      "the\n"
      "file to every instance and restart them. Subscribers' keys come under a new pepper as "
      "they\n"
      "are next given; stored content comes under a new master key by keys rotate.\n"
      "\n"
      "The number is above all that the database has seen, which knows it from then on. Refused\n"
      "where the file lacks a newer key that the database knows (exit code 1), and where the\n"
      "database cannot be reached (4).\n"
      "\n"
      "Where an HSM is configured ([keys] pkcs11_module) a new master key is made there and\n"
      "never leaves it; with --in file the key file gets it, which is the way back. Both places "
      "share\n"
      "one sequence of numbers.",
      {{"in", "PLACE", "file or hsm (default: the HSM where one is configured)"},
       {"force", "", "though a key is lost or the database is away"}}};
}

int keys_new(Tool& tool) {
  Wanted wanted;
  wanted.kind = tool.line().arguments[0];
  std::string where = tool.line().get("in");
  if (!is_key_kind(wanted.kind)) return tool.fail(kUsage, kKeyKinds);
  if (tool.line().has("in") && where != "file" && where != "hsm") {
    return tool.fail(kUsage, "--in must be file or hsm");
  }
  const config::Config* const config = tool.config(false);
  if (config == nullptr) return tool.code();
  const std::string& file = key_file_of(*config, wanted.kind);
  wanted.token = wanted.kind == "master" && !config->keys.token.module.empty();
  if (where.empty()) where = wanted.token ? "hsm" : "file";
  wanted.in_hsm = where == "hsm";
  if (wanted.in_hsm && !wanted.token) {
    return tool.fail(kFailed, "no HSM is configured for this kind");
  }
  if (!wanted.in_hsm && file.empty()) return tool.fail(kFailed, "no key file is configured");
  const auto lock = lock_keys(tool, *config, wanted.kind);
  if (!lock) return tool.fail(kFailed, lock.error());
  if (const int code = count(tool, *config, wanted); code != kDone) return code;
  const auto number = make(*config, wanted);
  if (!number) return tool.fail(kFailed, number.error());
  const Noted noted = wanted.with_database ? note(*config) : Noted{};
  if (noted.taken) return told_taken(tool, *config, wanted, *number);
  if (!noted.status) {
    return tool.fail(kUnavailable, cat("key ", *number,
                                       " was made, but the database could not be "
                                       "told of it: ",
                                       noted.status.error(),
                                       ". No other host may make one before an instance has been "
                                       "started with this one"));
  }
  if (wanted.in_hsm) {
    const std::string& token = config->keys.token.token;
    return report(tool, "token", token, *number,
                  cat("master key ", *number, " is in HSM token '", token,
                      "'. Restart the instances, all of which must reach it.\n"));
  }
  return report(tool, "file", file, *number,
                cat("key ", *number, " is in ", file,
                    ". Copy the file to every instance and to "
                    "the safe place, then restart the instances.\n"));
}

}  // namespace cli
