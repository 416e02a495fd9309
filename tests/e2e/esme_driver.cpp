// esme_driver CONFIG: smsc::Esme with the sections [smsc.NAME] of a bipvault.ini at the end of a
// pipe, so that a test in Python can hold an SMSC against it. Commands, one a line; what happens is
// one line of JSON on standard output:
//   text REF NUMBER WORDS     {"event": "taken", "ref": ..., "taken": "yes|busy|impossible"}
//   packet REF NUMBER HEX     the same
//   keep yes|no               whether what comes in is durable from now on
//   state                     {"event": "state", "smscs": [...], "counters": {...}}
//   stop MS                   stops and ends
// Outcomes, receipts, incoming messages, phones that are back, alarms and log lines come unasked.
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include <atomic>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>

#include "base/clock.h"
#include "base/counters.h"
#include "base/files.h"
#include "base/log.h"
#include "config/config.h"
#include "smsc/esme.h"

namespace {

using Poco::JSON::Object;

Object event(const char* name) {
  Object made(Poco::JSON_PRESERVE_KEY_ORDER);
  made.set("event", name);
  return made;
}

void say(const Object& object) {
  static std::mutex mutex;
  std::ostringstream line;
  object.stringify(line);
  const std::lock_guard lock(mutex);
  std::printf("%s\n", line.str().c_str());
  std::fflush(stdout);
}

class Sink : public vault::SmsSink {
 public:
  void outcome(const vault::SmsOutcome& one) override {
    static const char* const kKinds[] = {"accepted", "refused", "uncertain", "not_sent"};
    Object told = event("outcome");
    told.set("kind", kKinds[static_cast<int>(one.kind)]).set("ref", one.ref);
    told.set("segment", one.segment).set("segments", one.segments).set("smsc", one.smsc);
    told.set("id", one.message_id).set("status", one.status).set("bad_number", one.bad_number);
    say(told);
  }
  void receipt(vault::SmsReceipt one, vault::Kept kept) override {
    static const char* const kKinds[] = {"delivered", "failed", "interim"};
    Object told = event("receipt");
    told.set("kind", kKinds[static_cast<int>(one.kind)]).set("id", one.message_id);
    told.set("number", one.number ? one.number->digits() : "").set("error", one.error);
    told.set("reference", one.reference).set("smsc", one.smsc);
    say(told);
    kept(keep);
  }
  void incoming(vault::IncomingSms one, vault::Kept kept) override {
    Object told = event("incoming");
    told.set("from", one.from ? one.from->digits() : "").set("to", one.to).set("text", one.text);
    told.set("user_data", base::to_hex(one.user_data)).set("mark", base::to_hex(one.mark));
    told.set("part", one.part).set("parts", one.parts).set("smsc", one.smsc);
    say(told);
    kept(keep);
  }
  void subscriber_back(const vault::Msisdn& number) override {
    Object told = event("back");
    say(told.set("number", number.digits()));
  }
  void room() override { say(event("room")); }

  std::atomic<bool> keep{true};
};

class EventLog : public base::Log {
 public:
  void write(base::Severity, std::string_view, std::string_view text) override {
    Object told = event("log");
    say(told.set("text", std::string(text)));
  }
};

// Nothing: the reason is on standard error.
bool load(const char* path, std::vector<smsc::Settings>& smscs, smsc::CommonSettings& common) {
  auto loaded = config::load(path, config::Check::syntax_only);
  if (const auto* const problems = std::get_if<1>(&loaded)) {
    for (const auto& problem : *problems) std::fprintf(stderr, "%s\n", problem.to_string().c_str());
    return false;
  }
  config::Config& read = std::get<0>(loaded);
  common = read.smsc_common;
  for (config::Smsc& one : read.smscs) {
    smscs.push_back(std::move(one.settings));
    smsc::Settings& settings = smscs.back();
    if (settings.password_file.empty()) continue;
    auto password = base::read_text_file(settings.password_file, 64);
    if (!password) return false;
    password->erase(password->find_last_not_of("\n") + 1);
    settings.password = std::make_shared<const base::Secret>(base::as_bytes(*password));
  }
  return true;
}

class Driver {
 public:
  Driver(std::vector<smsc::Settings> smscs, const smsc::CommonSettings& common)
      : esme_(
            std::move(smscs), common,
            {sink_, clock_, log_, counters_, [](const std::string& name, const std::string& text) {
               Object told = event("alarm");
               say(told.set("smsc", name).set("text", text));
             }}) {}

  int run() {
    if (auto started = esme_.start(); !started) {
      std::fprintf(stderr, "%s\n", started.error().c_str());
      return 1;
    }
    std::string line;
    while (std::getline(std::cin, line)) {
      std::istringstream words(line);
      std::string command;
      words >> command;
      if (command == "stop") {
        std::int64_t deadline_ms = 0;
        words >> deadline_ms;
        esme_.stop(deadline_ms);
        say(event("stopped"));
        return 0;
      }
      obey(command, words);
    }
    return 1;
  }

 private:
  void obey(const std::string& command, std::istringstream& words) {
    if (command == "text" || command == "packet") return submit(command == "text", words);
    if (command == "keep") {
      std::string yes;
      words >> yes;
      sink_.keep = yes == "yes";
    }
    if (command == "state") tell_state();
  }

  void submit(bool text, std::istringstream& words) {
    vault::SmsRef ref = 0;
    std::string number, rest;
    words >> ref >> number >> std::ws;
    std::getline(words, rest);
    vault::OutgoingSms sms{ref,
                           text ? vault::SmsKind::reminder : vault::SmsKind::wake_up,
                           vault::Msisdn::from_text("+" + number).value(),
                           "",
                           {},
                           0,
                           0,
                           ""};
    sms.validity_ms = base::kDayMs;
    if (text) {
      sms.text = rest;
    } else {
      sms.packet = base::from_hex(rest).value_or(base::Bytes());
    }
    static const char* const kTaken[] = {"yes", "busy", "impossible"};
    const auto taken = static_cast<int>(esme_.submit(sms));
    Object told = event("taken");
    say(told.set("ref", ref).set("taken", kTaken[taken]));
  }

  void tell_state() {
    Poco::JSON::Array smscs;
    for (const vault::SmscState& state : esme_.state()) {
      Object one;
      one.set("name", state.name).set("bound", state.bound).set("binds", state.binds);
      one.set("waiting", state.waiting).set("in_flight", state.in_flight);
      one.set("rate", state.rate).set("trouble", state.trouble);
      smscs.add(one);
    }
    Object counters;
    for (const auto& [name, value] : counters_.snapshot()) counters.set(name, value);
    Object told = event("state");
    say(told.set("smscs", smscs).set("counters", counters));
  }

  Sink sink_;
  base::SystemClock clock_;
  EventLog log_;
  base::Counters counters_;
  smsc::Esme esme_;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<smsc::Settings> smscs;
  smsc::CommonSettings common;
  if (argc != 2 || !load(argv[1], smscs, common)) return 2;
  return Driver(std::move(smscs), common).run();
}
