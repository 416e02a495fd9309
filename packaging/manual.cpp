// bipvault-manual: prints the manual pages of what describes itself (the tools' command lines, the
// key tables) as mdoc. Runs during the build, is not installed; so a page cannot lag behind.
#include <cstdio>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/care.h"
#include "cli/cared.h"
#include "cli/ops.h"
#include "config/table.h"
#include "host/settings.h"

namespace {

constexpr std::size_t kColumns = 78;

// Text as it stands: a dash is a dash, and no line is taken for a macro.
std::string escaped(std::string_view line) {
  std::string out;
  for (const char c : line) {
    if (c == '\\') {
      out += "\\e";
    } else {
      out += c;
    }
  }
  if (out.starts_with('.') || out.starts_with('\'')) out.insert(0, "\\&");
  return out;
}

// As an argument of a macro.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\\(dq") : std::string(1, c);
  return out + "\\&\"";  // nothing at its end is taken for punctuation
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Lines of at most kColumns.
std::string wrapped(std::string_view text) {
  std::string out;
  while (text.size() > kColumns && text.rfind(' ', kColumns) != std::string_view::npos) {
    const std::size_t end = text.rfind(' ', kColumns);
    out += escaped(text.substr(0, end)) + '\n';
    text.remove_prefix(end + 1);
  }
  return out + escaped(text) + '\n';
}

// mdoc wants each sentence to begin a line.
std::string sentences(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at + 2 < text.size(); ++at) {
    if (text[at] != '.' || text[at + 1] != ' ' || text[at + 2] < 'A' || text[at + 2] > 'Z') {
      continue;
    }
    out += wrapped(text.substr(0, at + 1));
    text.remove_prefix(at + 2);
    at = 0;
  }
  return out + wrapped(text);
}

// Paragraphs; one with an indented line is a table and keeps its lines.
void print_text(const std::string& text) {
  std::vector<std::string> paragraph;
  bool first = true;
  const auto end = [&] {
    if (paragraph.empty()) return;
    bool table = false;
    std::string joined;
    for (const std::string& line : paragraph) {
      table = table || line.starts_with(' ');
      joined += (joined.empty() ? "" : " ") + line;
    }
    if (!first && !table) std::printf(".Pp\n");
    if (table) {
      std::printf(".Bd -literal\n");
      for (const std::string& line : paragraph) std::printf("%s\n", escaped(line).c_str());
      std::printf(".Ed\n");
    } else {
      std::printf("%s", sentences(joined).c_str());
    }
    first = false;
    paragraph.clear();
  };
  for (const std::string& line : lines_of(text)) {
    if (line.empty()) {
      end();
    } else {
      paragraph.push_back(line);
    }
  }
  end();
}

void print_options(const std::vector<cli::OptionSpec>& options) {
  if (options.empty()) return;
  std::printf(".Bl -tag -width Ds\n");
  for (const cli::OptionSpec& option : options) {
    std::printf(".It Fl \\-%s", option.name.c_str());
    if (!option.argument.empty()) std::printf(" Ar %s", option.argument.c_str());
    std::printf("\n%s", sentences(option.help).c_str());
  }
  std::printf(".El\n");
}

void print_head(const char* date, const std::string& name, const char* section,
                const std::string& what) {
  std::string upper = name;
  for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  std::printf(".Dd %s\n.Dt %s %s\n.Os\n.Sh NAME\n.Nm %s\n.Nd %s\n", date, upper.c_str(), section,
              name.c_str(), what.c_str());
}

// A summary's first sentence, as a name's description: without capital and full stop.
std::string described(const std::string& summary) {
  std::string text = summary.substr(0, summary.find('.'));
  text[0] = static_cast<char>(text[0] >= 'A' && text[0] <= 'Z' ? text[0] - 'A' + 'a' : text[0]);
  return text;
}

void print_tool(const char* date, const cli::ProgramSpec& program, const char* section) {
  print_head(date, program.name, section, described(program.summary));
  std::printf(".Sh SYNOPSIS\n.Nm\n.Op Fl \\-config Ar file\n.Ar command\n.Op Ar argument ...\n");
  std::printf(".Sh DESCRIPTION\n");
  print_text(program.summary);
  std::printf(".Pp\nOptions of every command:\n");
  print_options(program.options);
  std::printf(".Sh COMMANDS\n");
  for (const cli::CommandSpec& command : program.commands) {
    std::printf(".Ss %s\n", escaped(command.name).c_str());
    std::printf(".Nm\n.Cm %s", command.name.c_str());
    if (!command.arguments.empty()) std::printf(" Ar %s", command.arguments.c_str());
    if (!command.options.empty()) std::printf(" Op Ar option ...");
    std::printf("\n.Pp\n");
    print_text(command.text);
    print_options(command.options);
  }
  std::printf(
      ".Sh FILES\n.Bl -tag -width Ds\n.It Pa /etc/bipvault/bipvault.ini\n"
      "The configuration, as installed.\n.El\n"
      ".Sh EXIT STATUS\n.Bl -tag -width Ds\n");
  const std::pair<int, const char*> codes[] = {
      {cli::kDone, "Done."},
      {cli::kFailed, "Refused or failed, or the output cannot be written."},
      {cli::kUsage, "Wrong command line."},
      {cli::kBadConfig, "The configuration is wrong, or a key file is."},
      {cli::kUnavailable, "The store is not available, or nobody has answered: the text tells."},
      {cli::kNotFound, "No record fits, or several do."},
      {cli::kLimit, "A limit is reached."}};
  for (const auto& [code, text] : codes) {
    if (code <= program.last_code) std::printf(".It %d\n%s\n", code, text);
  }
  std::printf(".El\n.Sh SEE ALSO\n.Xr bipvault.ini 5 ,\n.Xr bipvault-host 8\n");
}

void print_table(std::span<const base::KeySpec> table, bool reload) {
  std::string_view section;
  for (const base::KeySpec& spec : table) {
    if (spec.section != section) {
      if (!section.empty()) std::printf(".El\n");
      section = spec.section;
      std::printf(".Ss Section %s\n.Bl -tag -width Ds\n", std::string(section).c_str());
    }
    std::printf(".It Ic %s No = Ar %s\n%s", std::string(spec.key).c_str(),
                quoted(base::type_name(spec.type)).c_str(),
                sentences(std::string(spec.help) + ".").c_str());
    const std::string range = base::limits_of(spec);
    if (!range.empty()) std::printf("%s", wrapped("Limits: " + range + ".").c_str());
    if (spec.presence == base::Presence::required) {
      std::printf("Must be given.\n");
    } else if (spec.default_text.empty()) {
      std::printf("Default: empty.\n");
    } else {
      std::printf("Default:\n.Li %s .\n", quoted(spec.default_text).c_str());
    }
    if (reload && spec.reload == base::Reload::restart) std::printf("A change needs a restart.\n");
  }
  std::printf(".El\n");
}

struct KeyPage {
  const char* name;
  const char* what;
  std::string introduction;
  std::vector<std::span<const base::KeySpec>> tables;
  bool reload;  // some keys are read again
  const char* see_also;
};

void print_keys(const char* date, const KeyPage& page) {
  print_head(date, page.name, "5", page.what);
  std::printf(".Sh DESCRIPTION\n%s.Sh KEYS\n", page.introduction.c_str());
  for (const auto table : page.tables) print_table(table, page.reload);
  std::printf(".Sh SEE ALSO\n%s", page.see_also);
}

constexpr char kIniSyntax[] =
    "Sections in brackets, one\n.Ic key No = Ar value\na line.\n"
    "Lines that start with a semicolon or a hash are comments; a comment behind\n"
    "a value is refused.\n"
    "Relative paths start at the file that names them.\n"
    "An unknown, repeated or misspelt key is an error, and all errors are told at\n"
    "once.\n"
    ".Pp\n"
    "Durations are written 500ms, 10s, 5m, 24h, 60d or 2months (of 30 days each),\n"
    "sizes 1400, 256K, 1M or 2G.\n";

}  // namespace

int main(int count, char** arguments) {
  const std::string page = count == 3 ? arguments[1] : "";
  const char* const date = count == 3 ? arguments[2] : "";
  const std::string plugin_intro =
      std::string("The configuration of the Bipvault plugin and its tools.\n") + kIniSyntax +
      ".Pp\nCheck a file with\n.Dl bipvault-ops --config file config check\n"
      "The plugin reads it at start and when its platform reloads it; a file with an\n"
      "error is refused whole, and the old configuration stays.\n";
  const std::string host_intro = std::string("The configuration of\n.Xr bipvault-host 8 .\n") +
                                 kIniSyntax +
                                 ".Pp\nCheck a file with\n.Dl bipvault-host --config file --check\n"
                                 "A change needs a restart of the host.\n";
  if (page == "bipvault-ops.8") {
    print_tool(date, cli::ops_program(), "8");
  } else if (page == "bipvault-care.1") {
    print_tool(date, cli::care_program(), "1");
  } else if (page == "bipvault-cared.8") {
    print_tool(date, cli::cared_program(), "8");
  } else if (page == "bipvault.ini.5") {
    print_keys(date, {"bipvault.ini",
                      "configuration of the Bipvault plugin",
                      plugin_intro,
                      {config::table(), config::smsc_table()},
                      true,
                      ".Xr bipvault-care 1 ,\n.Xr bipvault-host 8 ,\n.Xr bipvault-ops 8\n"});
  } else if (page == "host.ini.5") {
    print_keys(date, {"host.ini",
                      "configuration of bipvault-host",
                      host_intro,
                      {host::table()},
                      false,
                      ".Xr bipvault.ini 5 ,\n.Xr bipvault-host 8\n"});
  } else {
    std::fprintf(stderr, "usage: bipvault-manual PAGE.SECTION DATE\n");
    return 2;
  }
  return 0;
}
