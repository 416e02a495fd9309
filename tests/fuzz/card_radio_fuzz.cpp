// What a network outside of the phone says on its socket: as many TPDUs as lines that are one, up
// to the first line that is none, which ends it; so does a line without end.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "card/radio.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

// The network's end.
class Network {
 public:
  Network() {
    std::string folder = std::filesystem::temp_directory_path() / "radio-XXXXXX";
    check(::mkdtemp(folder.data()) != nullptr);
    path_ = folder + "/s";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    check(path_.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path_.data(), path_.size());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
          ::listen(listener_, 1) == 0);
  }
  ~Network() {
    ::close(listener_);
    std::filesystem::remove(path_);
    std::filesystem::remove(std::filesystem::path(path_).parent_path());
  }
  const std::string& path() const { return path_; }
  int take() const { return ::accept(listener_, nullptr, nullptr); }

 private:
  std::string path_;
  int listener_ = -1;
};

bool delivers(std::string_view line) {
  constexpr std::string_view kDeliver = "deliver ";
  return line.starts_with(kDeliver) && base::from_hex(line.substr(kDeliver.size())).has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Network network;
  if (size > 16 * 1024) return 0;  // the socket takes no more at once
  card::Radio radio;
  check(radio.attach(network.path(), "8944351002100001236").ok());
  const int end = network.take();
  radio.submit(base::Bytes{1});  // one answer is wanted
  check(::send(end, data, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size));

  std::size_t wanted = 0;
  bool lines = true, answered = false;
  std::string_view left = base::as_text({data, size});
  for (std::size_t length = 0; lines && (length = left.find('\n')) != left.npos;) {
    const std::string_view line = left.substr(0, length);
    left.remove_prefix(length + 1);
    const bool answer = !answered && (line == "taken" || line == "refused");
    answered = answered || answer;
    lines = answer || delivers(line);
    if (delivers(line)) ++wanted;
  }
  std::size_t came = 0;
  radio.pump([&](base::View) { ++came; });
  ::close(end);
  check(radio.attached() || !lines || left.size() > 1024);
  check(came == wanted || (left.size() > 1024 && came < wanted));
  check(!radio.attached() || (lines && radio.submitting() == !answered));
  return 0;
}
