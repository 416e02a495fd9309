// `bipvault-care export`: the content of a card into a file that nobody else can read.
#pragma once

#include "cli/tool.h"
#include "vault/care_service.h"

namespace cli {

inline constexpr char kExportForms[] = "vcard4, vcard3, text, raw or csv";

// False: the options say nothing sensible, and `code` how the program ends.
bool export_options_ok(const Tool& tool, int& code);
int run_export(const Tool& tool, vault::CareService& care, const vault::CareCall& call);

}  // namespace cli
