// libmariadb opens its sockets without close-on-exec and tells nobody their numbers; a process
// that the host starts would keep a connection to the database.
#pragma once

#include <sys/types.h>

#include <map>

#include "db/settings.h"

namespace db {

// One thread at a time per object; other threads may open and close descriptors meanwhile.
class CloseOnExec {
 public:
  CloseOnExec();  // before connecting

  // After it: marks what was opened since and leads to the server of the settings. Descriptors
  // that were there before, the host's own included, are left alone.
  void mark(const Settings& settings) const;

 private:
  using Sockets = std::map<int, ino_t>;
  static Sockets inherited_sockets();  // those without the flag, by number

  Sockets before_;
};

}  // namespace db
