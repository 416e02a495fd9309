// What the cards of the benches store: images of exactly 16 KiB in the form of docs/protocol.md
// "Image", one phone book. `random`: records of random octets, the worst case for compression.
// `book`: names, numbers and filler as a real phone book has them.
#pragma once

#include <algorithm>
#include <random>
#include <string>

#include "base/bytes.h"

namespace bench {

inline constexpr std::size_t kImageSize = 16 * 1024;

class ImageMaker {
 public:
  ImageMaker(bool random, unsigned seed) : random_(random), generator_(seed) {}

  base::Bytes make() {
    constexpr std::size_t kRecord = 28;
    constexpr std::size_t kHead = 4 + 3 + 10 + 3;  // "BV" 01, A0 82 xx xx, path, structure
    base::Writer records;
    records.tlv(0x80, *base::from_hex("3F007F106F3A"));
    records.tlv(0x81, base::Bytes{1});
    unsigned number = 0;
    while (records.size() + kHead + kRecord + 10 <= kImageSize) record(records, ++number, kRecord);
    // The last record takes what is left, so that every image has the same size.
    const std::size_t left = kImageSize - 7 - records.size();
    if (left >= 8) record(records, ++number, left - 8);
    base::Writer image;
    image.text("BV").u8(1).tlv(0xA0, records.view());
    base::Bytes octets = image.take();
    octets.resize(kImageSize);
    return octets;
  }

 private:
  void record(base::Writer& out, unsigned number, std::size_t size) {
    base::Writer record;
    record.tlv(0x80, base::Bytes{static_cast<std::uint8_t>(number >> 8),
                                 static_cast<std::uint8_t>(number)});
    record.tlv(0x81, content(size));
    out.tlv(0xA1, record.view());
  }

  base::Bytes content(std::size_t size) {
    base::Bytes octets(size, 0xFF);
    if (random_) {
      for (std::uint8_t& octet : octets) octet = static_cast<std::uint8_t>(generator_());
      return octets;
    }
    static const char* const kNames[] = {"Anna",  "Li Wei", "Mueller", "Garcia", "Kowalski",
                                         "Singh", "Hansen", "Office",  "Home",   "Zhang Min"};
    const std::string name = kNames[generator_() % 10] + std::to_string(generator_() % 100);
    std::copy_n(name.begin(), std::min(name.size(), size), octets.begin());
    if (size < 28) return octets;
    octets[14] = 7;
    octets[15] = 0x91;
    for (std::size_t i = 16; i < 22; ++i) {
      octets[i] = static_cast<std::uint8_t>((generator_() % 10) << 4 | generator_() % 10);
    }
    return octets;
  }

  bool random_;
  std::mt19937 generator_;
};

}  // namespace bench
