#include "card/memo.h"

#include <algorithm>

namespace card {
namespace {

constexpr std::size_t kOverhead = 9;

std::string text(base::View octets) { return std::string(base::as_text(octets)); }

}  // namespace

std::optional<base::Bytes> encode_memo(const Memo& memo, std::size_t record_length) {
  if (memo.title.size() > 0xFF || memo.body.size() > 0xFF ||
      memo.title.size() + memo.body.size() + kOverhead > record_length) {
    return std::nullopt;
  }
  base::Writer writer;
  writer.bytes(memo.date ? base::Bytes(memo.date->begin(), memo.date->end())
                         : base::Bytes(7, 0xFF));
  writer.u8(static_cast<std::uint8_t>(memo.title.size())).text(memo.title);
  writer.u8(static_cast<std::uint8_t>(memo.body.size())).text(memo.body);
  base::Bytes record = writer.take();
  record.resize(record_length, 0xFF);
  return record;
}

std::optional<Memo> decode_memo(base::View record) {
  base::Reader reader(record);
  const base::View date = reader.take(7);
  Memo memo;
  memo.title = text(reader.take(reader.u8()));
  memo.body = text(reader.take(reader.u8()));
  if (!reader.ok()) return std::nullopt;
  if (date[0] != 0xFF) {
    memo.date.emplace();
    std::copy(date.begin(), date.end(), memo.date->begin());
  }
  return memo;
}

std::vector<Memo> read_memos(const File& file) {
  std::vector<Memo> memos;
  for (std::size_t n = 1; n <= file.records(); ++n) {
    if (file.record_free(n)) continue;
    if (auto memo = decode_memo(file.record(n))) memos.push_back(std::move(*memo));
  }
  return memos;
}

bool append_memo(File& file, const Memo& memo) {
  const auto record = encode_memo(memo, file.record_length());
  for (std::size_t n = 1; record && n <= file.records(); ++n) {
    if (file.record_free(n)) return file.update(n, *record);
  }
  return false;
}

}  // namespace card
