#include "smsc/pdu.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <tuple>

#include "base/log.h"

// The library's macros are kept to this file; the headers know no C++.
extern "C" {
#include <stdio.h>
#include <smpp34.h>
#include <smpp34_structs.h>
#include <smpp34_params.h>
}
#undef Reserved

namespace smsc {

namespace {

// The library writes a text about each field into one global buffer, whose end it does not see: one
// call at a time, and of bounded size. The text holds what the fields hold, so it is wiped.
std::mutex library_mutex;
std::size_t high_water = 0;

void forget_library_text() {
  const std::size_t used = strnlen(smpp34_strerror, sizeof smpp34_strerror);
  high_water = std::max(high_water, used);
  base::wipe(smpp34_strerror, used);
}

// The buffer must be larger than the PDU: the library refuses an exact fit.
template <class Struct>
bool library_pack(Struct& fields, base::Bytes& out) {
  std::uint8_t buffer[sizeof(Struct) + 64];
  int size = 0;
  std::lock_guard lock(library_mutex);
  const int failed = smpp34_pack(fields.command_id, buffer, sizeof buffer, &size, &fields);
  forget_library_text();
  const bool packed = failed == 0 && size > 0 && static_cast<std::size_t>(size) <= sizeof buffer;
  if (packed) out.insert(out.end(), buffer, buffer + size);
  base::wipe(buffer, sizeof buffer);
  return packed;
}

template <class Struct>
bool library_unpack(std::uint32_t type, base::View pdu, Struct& fields) {
  std::memset(static_cast<void*>(&fields), 0, sizeof fields);
  std::lock_guard lock(library_mutex);
  const int failed = smpp34_unpack(type, &fields, pdu.data(), static_cast<int>(pdu.size()));
  forget_library_text();
  if (fields.tlv != nullptr) destroy_tlv(fields.tlv);  // none was given; a failure may leave some
  fields.tlv = nullptr;
  return failed == 0;
}

// Room includes the 00 at the end. The library cuts what is too long without a word.
template <std::size_t Room>
bool put(std::uint8_t (&field)[Room], std::string_view text) {
  if (text.size() >= Room || text.find('\0') != std::string_view::npos) return false;
  if (!text.empty()) std::memcpy(field, text.data(), text.size());  // data() may be null
  field[text.size()] = 0;
  return true;
}

template <std::size_t Room>
std::string get(const std::uint8_t (&field)[Room]) {
  const auto* text = reinterpret_cast<const char*>(field);
  return std::string(text, strnlen(text, Room));
}

base::Error too_long(const char* field) {
  return base::Error{base::cat("smpp: ", field, " is too long or holds a 00")};
}

template <class Struct>
base::Status bind_with(base::Bytes& out, std::uint32_t command, std::uint32_t sequence,
                       const Bind& bind) {
  Struct fields{};
  fields.command_id = command;
  fields.sequence_number = sequence;
  fields.interface_version = SMPP_VERSION;
  fields.addr_ton = bind.addr_ton;
  fields.addr_npi = bind.addr_npi;
  if (!put(fields.system_id, bind.system_id)) return too_long("system_id (15)");
  if (!put(fields.password, base::as_text(bind.password.view()))) return too_long("password (8)");
  if (!put(fields.system_type, bind.system_type)) return too_long("system_type (12)");
  if (!put(fields.address_range, bind.address_range)) return too_long("address_range (40)");
  const bool packed = library_pack(fields, out);
  base::wipe(&fields, sizeof fields);
  if (!packed) return base::Error{"smpp: the bind request cannot be built"};
  return {};
}

base::Status fill(const ShortMessage& message, submit_sm_t& fields) {
  fields.source_addr_ton = message.source.ton;
  fields.source_addr_npi = message.source.npi;
  fields.dest_addr_ton = message.destination.ton;
  fields.dest_addr_npi = message.destination.npi;
  fields.esm_class = message.esm_class;
  fields.protocol_id = message.protocol_id;
  fields.priority_flag = message.priority;
  fields.registered_delivery = message.registered_delivery;
  fields.replace_if_present_flag = message.replace_if_present;
  fields.data_coding = message.data_coding;
  fields.sm_default_msg_id = message.default_message;
  if (!put(fields.service_type, message.service_type)) return too_long("service_type (5)");
  if (!put(fields.source_addr, message.source.digits)) return too_long("source_addr (20)");
  if (!put(fields.schedule_delivery_time, message.schedule)) return too_long("schedule (16)");
  if (!put(fields.validity_period, message.validity)) return too_long("validity_period (16)");
  return {};
}

// What does not go through the library.
base::Status rest_fits(const ShortMessage& message) {
  const std::string& digits = message.destination.digits;
  if (digits.size() > 20 || digits.find('\0') != std::string::npos) {
    return too_long("destination_addr (20)");
  }
  if (message.text.size() > 254) return too_long("short_message (254)");
  for (const Tlv& tlv : message.tlvs) {
    if (tlv.value.size() > 0xFFFF) return too_long("a TLV");
  }
  return {};
}

bool same_head(const ShortMessage& a, const ShortMessage& b) {
  const auto head = [](const ShortMessage& m) {
    return std::tie(m.service_type, m.source.ton, m.source.npi, m.source.digits, m.destination.ton,
                    m.destination.npi, m.esm_class, m.protocol_id, m.priority, m.schedule,
                    m.validity, m.registered_delivery, m.replace_if_present, m.data_coding,
                    m.default_message);
  };
  return head(a) == head(b);
}

void patch_u32(base::Bytes& out, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i)
    out[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

void append_u16(base::Bytes& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

// A C-octet string of at most `room` octets with its 00. Longer ones are read to their end and cut.
std::string c_string(base::Reader& reader, std::size_t room, bool& odd) {
  std::string text;
  for (;;) {
    const auto octet = reader.u8();
    if (!reader.ok() || octet == 0) break;
    if (text.size() + 1 < room) {
      text.push_back(static_cast<char>(octet));
    } else {
      odd = true;
    }
  }
  return text;
}

// What the mandatory part looks like on the wire, to find its end and to make the copy for the
// library. TON and NPI go past the library, which knows few of them and refuses the rest.
struct Scan {
  base::Writer copy;  // mandatory part as a submit_sm without text
  std::uint8_t ton[2]{};
  std::uint8_t npi[2]{};
  bool odd = false;
};

void copy_string(base::Reader& reader, std::size_t room, Scan& scan) {
  scan.copy.text(c_string(reader, room, scan.odd)).u8(0);
}

void copy_addresses(base::Reader& reader, std::size_t room, Scan& scan) {
  for (int i = 0; i < 2; ++i) {
    scan.ton[i] = reader.u8();
    scan.npi[i] = reader.u8();
    scan.copy.u8(0).u8(0);
    copy_string(reader, room, scan);
  }
}

// service_type up to sm_length; data_sm is brought into the same form.
void copy_mandatory(base::Reader& reader, bool data_sm, Scan& scan) {
  copy_string(reader, 6, scan);
  copy_addresses(reader, 21, scan);
  if (data_sm) {
    const std::uint8_t esm_class = reader.u8();
    const std::uint8_t registered = reader.u8();
    const std::uint8_t coding = reader.u8();
    scan.copy.u8(esm_class).u32(0).u8(registered).u8(0).u8(coding).u8(0);
    return;
  }
  scan.copy.bytes(reader.take(3));  // esm_class, protocol_id, priority_flag
  copy_string(reader, 17, scan);
  copy_string(reader, 17, scan);
  scan.copy.bytes(reader.take(4));  // registered_delivery .. sm_default_msg_id
}

// The text, with what is known to go wrong: a length beyond the PDU is cut; up to three octets too
// many, in which no TLV has room, belong to a text whose length is too small, unless they are 00.
base::Bytes read_text(base::Reader& reader, Scan& scan) {
  const std::size_t claimed = reader.u8();
  const std::size_t size = std::min(claimed, reader.left());
  if (size < claimed) scan.odd = true;
  const base::View text = reader.take(size);
  base::Bytes octets(text.begin(), text.end());
  if (reader.left() > 0 && reader.left() < 4) {
    scan.odd = true;
    const base::View rest = reader.rest();
    if (rest[0] != 0) octets.insert(octets.end(), rest.begin(), rest.end());
  }
  return octets;
}

ShortMessage from_library(const submit_sm_t& fields, const Scan& scan) {
  ShortMessage message;
  message.service_type = get(fields.service_type);
  message.source = {scan.ton[0], scan.npi[0], get(fields.source_addr)};
  message.destination = {scan.ton[1], scan.npi[1], get(fields.destination_addr)};
  message.esm_class = fields.esm_class;
  message.protocol_id = fields.protocol_id;
  message.priority = fields.priority_flag;
  message.schedule = get(fields.schedule_delivery_time);
  message.validity = get(fields.validity_period);
  message.registered_delivery = fields.registered_delivery;
  message.replace_if_present = fields.replace_if_present_flag;
  message.data_coding = fields.data_coding;
  message.default_message = fields.sm_default_msg_id;
  return message;
}

base::Bytes with_header(std::uint32_t command, base::View body) {
  base::Bytes pdu;
  append_header(pdu, command, 0, 1);
  pdu.insert(pdu.end(), body.begin(), body.end());
  patch_length(pdu, 0);
  return pdu;
}

}  // namespace

const Tlv* ShortMessage::find(std::uint16_t tag) const {
  const auto found =
      std::find_if(tlvs.begin(), tlvs.end(), [&](const Tlv& tlv) { return tlv.tag == tag; });
  return found == tlvs.end() ? nullptr : &*found;
}

base::View ShortMessage::content() const {
  if (!text.empty()) return text;
  const Tlv* const payload = find(tag::kMessagePayload);
  return payload == nullptr ? base::View{} : base::View(payload->value);
}

base::Status append_bind(base::Bytes& out, std::uint32_t command, std::uint32_t sequence,
                         const Bind& bind) {
  if (command == command::kBindReceiver) {
    return bind_with<bind_receiver_t>(out, command, sequence, bind);
  }
  if (command == command::kBindTransmitter) {
    return bind_with<bind_transmitter_t>(out, command, sequence, bind);
  }
  return bind_with<bind_transceiver_t>(out, command::kBindTransceiver, sequence, bind);
}

base::Status append_submit_sm(base::Bytes& out, std::uint32_t sequence, const SubmitSm& message) {
  return SubmitPacker().append(out, sequence, message);
}

base::Status SubmitPacker::pack_head(const SubmitSm& message) {
  submit_sm_t fields{};
  fields.command_id = command::kSubmitSm;
  fields.sequence_number = 1;
  if (auto filled = fill(message, fields); !filled) return filled;
  packed_.clear();
  if (!library_pack(fields, packed_)) return base::Error{"smpp: a submit_sm cannot be built"};
  head_ = message;
  head_.destination.digits.clear();
  head_.text.clear();
  head_.tlvs.clear();
  // Two strings with their ends, TON and NPI of both addresses.
  digits_at_ =
      kHeaderSize + message.service_type.size() + 1 + 2 + message.source.digits.size() + 1 + 2;
  return {};
}

base::Status SubmitPacker::append(base::Bytes& out, std::uint32_t sequence,
                                  const SubmitSm& message) {
  if (auto fits = rest_fits(message); !fits) return fits;
  if (packed_.empty() || !same_head(head_, message)) {
    if (auto packed = pack_head(message); !packed) {
      packed_.clear();
      return packed;
    }
  }
  const std::size_t start = out.size();
  const auto digits_at = packed_.begin() + static_cast<std::ptrdiff_t>(digits_at_);
  const std::string& digits = message.destination.digits;
  out.insert(out.end(), packed_.begin(), digits_at);
  out.insert(out.end(), digits.begin(), digits.end());
  out.insert(out.end(), digits_at, packed_.end());
  // sm_length is the last octet of what the library made.
  out.back() = static_cast<std::uint8_t>(message.text.size());
  out.insert(out.end(), message.text.begin(), message.text.end());
  for (const Tlv& tlv : message.tlvs) {
    append_u16(out, tlv.tag);
    append_u16(out, tlv.value.size());
    out.insert(out.end(), tlv.value.begin(), tlv.value.end());
  }
  patch_u32(out, start + 12, sequence);
  patch_length(out, start);
  return {};
}

void append_delivered(base::Bytes& out, std::uint32_t command, std::uint32_t status,
                      std::uint32_t sequence) {
  const std::size_t start = out.size();
  append_header(out, command | command::kResponse, status, sequence);
  out.push_back(0);
  patch_length(out, start);
}

base::Result<Decoded> decode_message(const Frame& frame) {
  base::Reader reader(frame.body);
  Scan scan;
  const bool data_sm = frame.header.command == command::kDataSm;
  copy_mandatory(reader, data_sm, scan);
  scan.copy.u8(0);  // sm_length: the text does not go through the library
  base::Bytes text;
  if (!data_sm && reader.ok()) {
    if (reader.at_end()) reader.fail();  // sm_length itself is missing
    text = read_text(reader, scan);
  }
  if (!reader.ok()) return base::Error{"smpp: a message is shorter than its mandatory part"};
  submit_sm_t fields;
  if (!library_unpack(SUBMIT_SM, with_header(SUBMIT_SM, scan.copy.view()), fields)) {
    return base::Error{"smpp: the mandatory part of a message cannot be read"};
  }
  Decoded decoded{from_library(fields, scan), scan.odd};
  decoded.message.text = std::move(text);
  bool whole = true;
  for (const TlvView& tlv : walk_tlvs(reader.rest(), &whole)) {
    decoded.message.tlvs.push_back({tlv.tag, {tlv.value.begin(), tlv.value.end()}});
  }
  decoded.odd = decoded.odd || !whole;
  return decoded;
}

base::Result<AlertNotification> decode_alert(const Frame& frame) {
  base::Reader reader(frame.body);
  Scan scan;
  copy_addresses(reader, 65, scan);
  if (!reader.ok()) return base::Error{"smpp: an alert_notification is too short"};
  alert_notification_t fields;
  const base::Bytes pdu = with_header(ALERT_NOTIFICATION, scan.copy.view());
  if (!library_unpack(ALERT_NOTIFICATION, pdu, fields)) {
    return base::Error{"smpp: an alert_notification cannot be read"};
  }
  AlertNotification alert;
  alert.source = {scan.ton[0], scan.npi[0], get(fields.source_addr)};
  alert.esme = {scan.ton[1], scan.npi[1], get(fields.esme_addr)};
  for (const TlvView& tlv : walk_tlvs(reader.rest(), nullptr)) {
    if (tlv.tag == tag::kAvailability && tlv.value.size() == 1) alert.availability = tlv.value[0];
  }
  return alert;
}

std::string decode_message_id(const Frame& frame) {
  base::Reader reader(frame.body);
  bool odd = false;
  return c_string(reader, 66, odd);  // also when the 00 is missing
}

BindAnswer decode_bind_answer(const Frame& frame) {
  base::Reader reader(frame.body);
  BindAnswer answer;
  bool odd = false;
  answer.system_id = c_string(reader, 66, odd);
  for (const TlvView& tlv : walk_tlvs(reader.rest(), nullptr)) {
    if (tlv.tag == tag::kInterfaceVersion && tlv.value.size() == 1) {
      answer.interface_version = tlv.value[0];
    }
  }
  return answer;
}

std::size_t library_text_high_water() {
  std::lock_guard lock(library_mutex);
  return high_water;
}

}  // namespace smsc
