#include "cli/export.h"

#include <Poco/JSON/Array.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <iterator>

#include "base/text.h"
#include "cli/care_view.h"
#include "cli/content_text.h"

namespace cli {

namespace {

constexpr std::string_view kForms[] = {"vcard4", "vcard3", "text", "raw", "csv"};

bool is_vcard(const std::string& form) { return form.starts_with("vcard"); }

std::string written(const std::string& form, const Content& content, const std::string& iccid) {
  if (form == "text") return to_text(content);
  if (form == "csv") return to_csv(content);
  return to_vcards(content, form == "vcard3" ? VCard::v3 : VCard::v4, iccid);
}

JsonObject export_json(const std::string& iccid, const std::string& form, const Content& content) {
  JsonObject out = json_object();
  out.set("iccid", iccid);
  out.set("format", form);
  out.set("contacts", content.contacts.size());
  out.set("messages", is_vcard(form) ? 0 : content.messages.size());
  out.set("memos", is_vcard(form) ? 0 : content.memos.size());
  Poco::JSON::Array damage;
  for (const Damage& item : content.damage) {
    JsonObject entry = json_object();
    entry.set("place", item.place);
    entry.set("what", item.what);
    damage.add(entry);
  }
  out.set("left_out", damage);
  return out;
}

void report_raw(const Tool& tool, const std::string& iccid, std::size_t octets) {
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("iccid", iccid);
    out.set("format", "raw");
    out.set("octets", octets);
    tool.print(out);
  } else {
    tool.print(base::cat("exported ", iccid, ": ", octets, " octets\n"));
  }
}

void report_content(const Tool& tool, const std::string& iccid, const std::string& form,
                    const Content& content, bool to_stdout) {
  if (!to_stdout && tool.json()) {
    tool.print(export_json(iccid, form, content));
  } else if (!to_stdout) {
    tool.print(base::cat("exported ", iccid, ": ", content.contacts.size(), " contacts, ",
                         is_vcard(form) ? 0 : content.messages.size(), " messages, ",
                         is_vcard(form) ? 0 : content.memos.size(), " memos\n"));
  }
  if (is_vcard(form) && content.messages.size() + content.memos.size() > 0) {
    tool.fail(kDone, base::cat(content.messages.size(), " messages and ", content.memos.size(),
                               " memos are no contacts: take them with --format text or csv"));
  }
  for (const Damage& item : content.damage) {
    tool.fail(kDone, base::cat("left out: ", item.place, ": ", item.what));
  }
}

}  // namespace

ExportFile::ExportFile(std::string path) : path_(std::move(path)) {
  if (to_stdout()) {
    fd_ = STDOUT_FILENO;
    return;
  }
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd_ < 0 || ::fchmod(fd_, 0600) != 0) error_ = errno;
}

ExportFile::~ExportFile() {
  if (to_stdout() || fd_ < 0) return;
  ::close(fd_);
  if (!kept_) ::unlink(path_.c_str());
}

base::Status ExportFile::made() const { return error_ == 0 ? base::Status() : failed(); }

base::Status ExportFile::failed() const {
  const std::string place = to_stdout() ? "standard output" : path_;
  return base::Error{base::cat(place, ": ", std::strerror(error_))};
}

base::Status ExportFile::write(base::View octets) {
  while (!octets.empty()) {
    const ssize_t put = ::write(fd_, octets.data(), octets.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      error_ = errno;
      return failed();
    }
    octets = octets.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

base::Status ExportFile::keep() {
  if (!to_stdout() && ::fsync(fd_) != 0) {
    error_ = errno;
    return failed();
  }
  kept_ = true;
  return {};
}

bool export_form_ok(const Tool& tool, int& code) {
  const std::string form = tool.line().get("format");
  const std::string copy = tool.line().get("copy");
  if (std::find(std::begin(kForms), std::end(kForms), form) == std::end(kForms)) {
    code = tool.fail(kUsage, base::cat("--format must be one of ", kExportForms));
  } else if (!copy.empty() && base::parse_integer(copy).value_or(-1) < 0) {
    code = tool.fail(kUsage, "--copy must be the number of a stored version, from 0");
  } else {
    return true;
  }
  return false;
}

std::size_t export_copy(const Tool& tool) {
  const std::string copy = tool.line().has("copy") ? tool.line().get("copy") : "0";
  return static_cast<std::size_t>(base::parse_integer(copy).value_or(0));
}

bool export_options_ok(const Tool& tool, int& code) {
  if (!export_form_ok(tool, code)) return false;
  if (tool.line().get("output").empty()) {
    code = tool.fail(kUsage, "--output FILE is missing");
  } else if (tool.line().get("output") == "-" && tool.json()) {
    code = tool.fail(kUsage, "--json and --output - exclude each other: the content goes there");
  } else if (tool.line().get("output") == "-" && ::isatty(STDOUT_FILENO) == 1) {
    code = tool.fail(kUsage, "content is never shown on a terminal: --output FILE");
  } else {
    return true;
  }
  return false;
}

int run_export(const Tool& tool, vault::CareService& care, const vault::CareCall& call,
               const ContentSink& sink) {
  int code = kDone;
  if (!export_options_ok(tool, code)) return code;
  const std::string form = tool.line().get("format");
  auto result = care.export_content(call, who_of(tool.line()), form, export_copy(tool), tool.now());
  if (const auto* failure = std::get_if<vault::CareFailure>(&result)) {
    return report_failure(tool, *failure);
  }
  const auto& taken = std::get<vault::CareService::Exported>(result);
  const std::string iccid = taken.iccid.digits();
  Content content;
  base::Status done;
  if (form == "raw") {
    done = sink(taken.content.view());
  } else {
    content = read_content(taken.content.view());
    std::string text = written(form, content, iccid);
    done = sink(base::as_bytes(text));
    base::wipe(text.data(), text.size());
  }
  if (!done) return tool.fail(kFailed, done.error());
  const bool to_stdout = tool.line().get("output") == "-";
  if (form == "raw") {
    if (!to_stdout) report_raw(tool, iccid, taken.content.size());
  } else {
    report_content(tool, iccid, form, content, to_stdout);
  }
  return kDone;
}

}  // namespace cli
