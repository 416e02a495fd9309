// `bipvault-care export`: the content of a card into a file that nobody else can read.
#pragma once

#include <string>

#include "cli/care.h"

namespace cli {

inline constexpr char kExportForms[] = "vcard4, vcard3, text, raw or csv";

// A new file of mode 0600, or standard output ("-"). What is not kept is removed.
class ExportFile {
 public:
  explicit ExportFile(std::string path);
  ~ExportFile();
  ExportFile(const ExportFile&) = delete;
  ExportFile& operator=(const ExportFile&) = delete;

  base::Status made() const;
  base::Status write(base::View octets);
  base::Status keep();  // it is whole
  bool to_stdout() const { return path_ == "-"; }

 private:
  base::Status failed() const;

  std::string path_;
  int fd_ = -1;
  int error_ = 0;
  bool kept_ = false;
};

// False: the options say nothing sensible, and `code` how the program ends.
bool export_form_ok(const Tool& tool, int& code);  // --format and --copy
std::size_t export_copy(const Tool& tool);
bool export_options_ok(const Tool& tool, int& code);
int run_export(const Tool& tool, vault::CareService& care, const vault::CareCall& call,
               const ContentSink& sink);

}  // namespace cli
