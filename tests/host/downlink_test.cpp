// Proves that a host's packets for wake-ups, and its word on their answers, are taken for what they
// are: its counter where it counts, nothing where it fails, throws or lies.
#include <boost/test/unit_test.hpp>

#include <stdexcept>

#include "plugin/host.h"
#include "tests/support/collected_log.h"
#include "tests/support/minimal_host.h"

namespace {

using Kind = bip::DownlinkKeys::Wrapped::Kind;

struct Fixture {
  static inline std::function<bv_status(bv_packet_head*, bv_bytes, bv_buffer*)> on_wrap;
  static inline std::function<bv_status(bv_packet_head*, bv_bytes, bv_buffer*)> on_unwrap;

  support::MinimalHost minimal;
  support::CollectedLog log;
  std::unique_ptr<plugin::Host> host;
  std::unique_ptr<plugin::HostCrypto> crypto;
  const vault::Iccid card = *vault::Iccid::from_digits("89443510021000012364");
  const bip::Downlink how{{0x16, 0x39}, {0xBF, 0xFF, 0x01}, 3, bip::Family::des3};
  const base::Bytes data{0x57, 0x01, 0x01};

  Fixture() {
    minimal.on_unwrap = [](auto...) { return BV_E_INTERNAL; };
    minimal.on_wrap = [](auto...) { return BV_E_INTERNAL; };
    minimal.give_crypto();
    minimal.crypto.wrap_command = [](const bv_host*, bv_packet_head* head, bv_bytes in,
                                     bv_buffer* out) { return on_wrap(head, in, out); };
    minimal.crypto.unwrap_response = [](const bv_host*, bv_packet_head* head, bv_bytes in,
                                        bv_buffer* out) { return on_unwrap(head, in, out); };
    host = std::make_unique<plugin::Host>(&minimal.table);
    host->fetch_extensions();
    crypto = std::make_unique<plugin::HostCrypto>(*host, log);
  }
  ~Fixture() { on_wrap = on_unwrap = nullptr; }

  bip::DownlinkKeys::Wrapped wrap() { return crypto->wrap_downlink(card, how, 0x0102030405, data); }
  base::Result<bip::DownlinkKeys::Answer> read(std::string_view packet) {
    return crypto->unwrap_downlink_answer(card, how, base::from_hex(packet).value());
  }
  bip::DownlinkKeys::Answer unwrap(std::string_view packet) {
    auto answer = read(packet);
    BOOST_REQUIRE(answer.ok());
    return answer.take();
  }
};

bv_status give(std::size_t size, bv_buffer* out) {
  out->size = size;
  if (size > out->capacity) return BV_E_TOO_SMALL;
  std::fill_n(out->data, size, std::uint8_t{0xAB});
  return BV_OK;
}

constexpr char kSealed[] = "001C12BFFF014EEDBCB9B51554BB47F152ACE7702804C872F3A146D6D7E3";
constexpr char kClearLow[] = "000B0ABFFF0100000000010002";

}  // namespace

BOOST_FIXTURE_TEST_SUITE(downlink, Fixture)

BOOST_AUTO_TEST_CASE(the_host_gets_the_whole_head) {
  bv_packet_head seen{};
  on_wrap = [&](bv_packet_head* head, bv_bytes in, bv_buffer* out) {
    seen = *head;
    BOOST_TEST(in.size == 3u);
    return give(32, out);
  };
  BOOST_TEST(host->makes_downlink());
  const auto wrapped = wrap();
  BOOST_TEST((wrapped.kind == Kind::done));
  BOOST_TEST(wrapped.packet.size() == 32u);
  BOOST_TEST(wrapped.counter == 0x0102030405u);
  BOOST_TEST(!wrapped.host_counts);
  BOOST_TEST(+seen.transport == BV_TRANSPORT_SMS);
  BOOST_TEST(base::to_hex(seen.iccid) == "98445301200100103246");
  BOOST_TEST(base::to_hex(seen.spi) == "1639");
  BOOST_TEST(+seen.kic == 0x35);
  BOOST_TEST(+seen.kid == 0x35);
  BOOST_TEST(base::to_hex(seen.tar) == "BFFF01");
  BOOST_TEST(base::to_hex(seen.cntr) == "0102030405");
}

BOOST_AUTO_TEST_CASE(a_host_that_counts) {
  on_wrap = [](bv_packet_head* head, bv_bytes, bv_buffer* out) {
    std::fill_n(head->cntr, 5, std::uint8_t{0x11});
    head->flags |= BV_PACKET_HOST_COUNTS;
    return give(32, out);
  };
  const auto wrapped = wrap();
  BOOST_TEST(wrapped.host_counts);
  BOOST_TEST(wrapped.counter == 0x1111111111u);
}

BOOST_AUTO_TEST_CASE(packets_that_are_none) {
  on_wrap = [](auto...) { return BV_E_NOT_FOUND; };
  BOOST_TEST((wrap().kind == Kind::no_keys));
  BOOST_TEST(log.count("wrap_command") == 0u);
  on_wrap = [](auto...) { return BV_E_TIMEOUT; };
  BOOST_TEST((wrap().kind == Kind::failed));
  on_wrap = [](auto...) -> bv_status { throw std::runtime_error("defect"); };
  BOOST_TEST((wrap().kind == Kind::failed));
  on_wrap = [](bv_packet_head*, bv_bytes, bv_buffer* out) {
    out->size = out->capacity + 1;  // and says that all is well
    return BV_OK;
  };
  BOOST_TEST((wrap().kind == Kind::failed));
  on_wrap = [](bv_packet_head*, bv_bytes, bv_buffer* out) { return give(3, out); };
  BOOST_TEST((wrap().kind == Kind::failed));
  BOOST_TEST(log.count("wrap_command") == 4u);
}

BOOST_AUTO_TEST_CASE(answers) {
  int asked = 0;
  on_unwrap = [&](bv_packet_head* head, bv_bytes packet, bv_buffer* out) {
    ++asked;
    BOOST_TEST(packet.size == 30u);
    BOOST_TEST(base::to_hex(head->spi) == "1639");
    head->cntr[4] = 9;
    head->status = 0x02;
    return give(1, out);
  };
  const auto answer = unwrap(kSealed);
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST(answer->verified);
  BOOST_TEST(answer->counter == 9u);
  BOOST_TEST((answer->status == bip::PacketStatus::counter_low));
  BOOST_TEST((answer->tar == how.tar));
  // What is in clear is nobody's word.
  const auto clear = unwrap(kClearLow);
  BOOST_REQUIRE(clear.has_value());
  BOOST_TEST(!clear->verified);
  BOOST_TEST(asked == 1);
}

BOOST_AUTO_TEST_CASE(answers_that_are_none) {
  on_unwrap = [](auto...) { return BV_E_DENIED; };
  BOOST_TEST(!unwrap(kSealed).has_value());
  on_unwrap = [](auto...) { return BV_E_NOT_FOUND; };
  BOOST_TEST(!unwrap(kSealed).has_value());
  BOOST_TEST(log.count("unwrap_response") == 0u);
  on_unwrap = [](auto...) { return BV_E_TIMEOUT; };
  BOOST_TEST(!read(kSealed).ok());
  on_unwrap = [](auto...) -> bv_status { throw 1; };
  BOOST_TEST(!read(kSealed).ok());
  on_unwrap = [](bv_packet_head*, bv_bytes, bv_buffer* out) {
    out->size = out->capacity + 1;
    return BV_OK;
  };
  BOOST_TEST(!read(kSealed).ok());
  BOOST_TEST(log.count("unwrap_response") == 3u);
  on_unwrap = [](bv_packet_head*, bv_bytes, bv_buffer* out) { return give(0, out); };
  BOOST_TEST(!unwrap("0012").has_value());
}

BOOST_AUTO_TEST_CASE(a_host_without_them) {
  minimal.crypto.unwrap_response = nullptr;
  BOOST_TEST(!host->makes_downlink());
}

BOOST_AUTO_TEST_SUITE_END()
