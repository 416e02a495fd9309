#include "cli/care_access.h"

#include <pwd.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"

namespace cli {

namespace {

// A user of this machine by name or number.
bool is_user(const std::string& text, ::uid_t user) {
  const auto number = base::parse_integer(text);
  if (number) return *number == static_cast<std::int64_t>(user);
  const passwd* entry = ::getpwnam(text.c_str());
  return entry != nullptr && entry->pw_uid == user;
}

bool among(const std::vector<std::string>& users, ::uid_t user) {
  return std::any_of(users.begin(), users.end(),
                     [&](const std::string& text) { return is_user(text, user); });
}

// Empty: no agent.
std::string agent_of(const config::CareAccess& access, ::uid_t user) {
  for (const std::string& entry : access.agents) {
    const std::size_t at = entry.find('=');
    if (is_user(entry.substr(0, at), user)) return entry.substr(at + 1);
  }
  return "";
}

std::string login_of(::uid_t user) {
  const passwd* entry = ::getpwuid(user);
  return entry == nullptr ? base::cat("uid", user) : entry->pw_name;
}

}  // namespace

bool is_auditors_call(const std::string& command) {
  return command.starts_with("audit") || command == "erase verify";
}

bool is_caller(const config::CareAccess& access, ::uid_t user) {
  return among(access.auditors, user) || is_broker(access, user) || !agent_of(access, user).empty();
}

bool is_broker(const config::CareAccess& access, ::uid_t user) {
  return among(access.brokers, user);
}

std::vector<std::string> unknown_users(const config::CareAccess& access) {
  std::vector<std::string> all;
  for (const std::string& entry : access.agents) all.push_back(entry.substr(0, entry.find('=')));
  for (const auto* list : {&access.brokers, &access.auditors}) {
    all.insert(all.end(), list->begin(), list->end());
  }
  std::erase_if(all, [](const std::string& user) {
    return base::parse_integer(user) || ::getpwnam(user.c_str()) != nullptr;
  });
  return all;
}

std::optional<std::string> admit(const config::CareAccess& access, ::uid_t user,
                                 CommandLine& line) {
  const std::string login = login_of(user);
  if (is_auditors_call(line.command->name)) {
    if (!among(access.auditors, user)) {
      return base::cat("user ", login, " is no auditor ([care] auditors)");
    }
    if (!line.get("operator").empty() && line.get("operator") != login) {
      return base::cat("user ", login, " cannot call as another operator");
    }
    line.options["operator"] = login;
    return std::nullopt;
  }
  const std::string named = line.get("agent");
  if (!named.empty() && is_broker(access, user)) return std::nullopt;
  const std::string own = agent_of(access, user);
  if (own.empty()) return base::cat("user ", login, " is no agent ([care] agents)");
  if (!named.empty() && named != own) {
    return base::cat("user ", login, " is agent ", own, " and cannot call as another");
  }
  line.options["agent"] = own;
  return std::nullopt;
}

}  // namespace cli
