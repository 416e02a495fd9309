// What provisioning's word does to a record. Pure; any thread.
#pragma once

#include "vault/ports.h"

namespace vault {

// What the line tells completes the record; what it leaves out stays. True: it was changed.
bool complete(Record& record, const ImportLine& line);

}  // namespace vault
