// The files in which a simulated card and its phone lie between two runs: a refusal, or a card (a
// phone) that is the same when it has been kept and read again.
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "card/card_file.h"
#include "tests/fuzz/private_file.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

// What `save` writes, in a file beside the input's.
template <class T>
std::string kept(const std::string& path, base::Status (*save)(const std::string&, const T&),
                 const T& what) {
  check(save(path, what).ok());
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

template <class T>
void goes_round(const std::string& path, base::Result<T> (*load)(const std::string&),
                base::Status (*save)(const std::string&, const T&)) {
  const auto first = load(path);
  if (!first) return check(!first.error().empty());
  const std::string beside = path + ".kept";
  const std::string once = kept(beside, save, *first);
  const auto second = load(beside);
  check(second.ok() && kept(beside, save, *second) == once);
  ::unlink(beside.c_str());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::PrivateFile file;
  const std::string& path = file.with({data, size});
  goes_round<card::Card>(path, card::load_card, card::save_card);
  goes_round<card::Phone>(path, card::load_phone, card::save_phone);
  return 0;
}
