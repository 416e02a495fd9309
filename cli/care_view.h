// What customer care and operations see of the vault's answers: text or JSON, never content or key.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/tool.h"
#include "vault/care_service.h"
#include "vault/history.h"

namespace cli {

// The exit code of a failure; text and candidates are printed.
int report_failure(const Tool& tool, const vault::CareFailure& failure);
// The same for an operator's name that cannot stand in the history; none if it can.
std::optional<int> operator_refused(const Tool& tool);

int report_view(const Tool& tool, const vault::CareView& view);
int report_cards(const Tool& tool, const std::string& customer,
                 const vault::CareService::CustomerCards& found);
int report_unlocked(const Tool& tool, const vault::CareService::Unlocked& done);
int report_reminders(const Tool& tool, const vault::CareService::Reminders& done);
int report_service(const Tool& tool, const vault::CareService::Service& done);
int report_erased(const Tool& tool, const vault::CareService::Erased& done);
int report_receipt(const Tool& tool, const vault::CareService::ReceiptCheck& check);
int report_moved(const Tool& tool, const vault::CareResult<vault::CareService::Moved>& result);
int report_ended(const Tool& tool, bool ended,
                 const vault::CareResult<vault::CareService::Ended>& result);
// ICCIDs by record; empty for a record that is gone.
using RecordCards = std::map<vault::RecordId, std::string>;
int report_history(const Tool& tool, const std::vector<vault::HistoryEntry>& entries,
                   const RecordCards& cards);
int report_audit(const Tool& tool, const std::vector<vault::AuditFault>& faults);

std::string view_text(const vault::CareView& view);
JsonObject view_json(const vault::CareView& view);
std::string entry_text(const vault::HistoryEntry& entry);
JsonObject entry_json(const vault::HistoryEntry& entry);
// Nothing for an empty text.
void set_text(JsonObject& out, const char* name, const std::string& value);
const char* state_name(vault::RecordState state);
// Without a line's end.
std::string unlocked_text(const vault::CareService::Unlocked& done);
std::string moved_text(const vault::CareService::Moved& done);
std::string erased_text(const vault::CareService::Erased& done);

}  // namespace cli
