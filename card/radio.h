// The way of short messages between this phone and a network outside of it: a local stream socket
// on which somebody listens. Lines of text, TPDUs of TS 23.040 in hexadecimal:
//   phone to network   attach ICCID    once, first
//                      submit HEX      an SMS-SUBMIT
//                      report HEX      the answer to a deliver, in their order: user data of the
//                                      SMS-DELIVER-REPORT; "-": none; "refused": it cannot be read
//   network to phone   deliver HEX     an SMS-DELIVER
//                      taken, refused  the answer to a submit, in their order
// One thread; never blocks but in wait().
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace card {

class Radio {
 public:
  Radio() = default;
  ~Radio();
  Radio(const Radio&) = delete;
  Radio& operator=(const Radio&) = delete;

  base::Status attach(const std::string& socket_path, const std::string& iccid);
  bool attached() const { return socket_ >= 0; }

  void submit(base::View tpdu);
  void report(std::optional<base::View> user_data);  // nothing: it cannot be read
  // Whether the network has not yet said what became of a submit.
  bool submitting() const { return attached() && submits_ > 0; }
  // Calls `deliver` for each TPDU that has come. What is no line of the network's ends it.
  void pump(const std::function<void(base::View)>& deliver);
  // Until something has come, or the network is gone.
  void wait(int timeout_ms) const;

 private:
  void say(const std::string& line);
  bool hear(const std::string& line, const std::function<void(base::View)>& deliver);
  void detach();

  int socket_ = -1;
  int submits_ = 0;  // without answer
  std::string received_;
};

}  // namespace card
