#include "card/card_file.h"

#include <sys/stat.h>

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <algorithm>
#include <sstream>

#include "base/files.h"
#include "base/text.h"

namespace card {
namespace {

using Poco::JSON::Object;

constexpr std::size_t kLargestFile = 8 * 1024 * 1024;
constexpr int kVersion = 1;

// Poco throws on a missing member or another type; callers turn that into one Error.
base::Bytes hex(const Object& object, const std::string& name) {
  const auto bytes = base::from_hex(object.getValue<std::string>(name));
  if (!bytes) throw Poco::SyntaxException(name);
  return *bytes;
}

template <std::size_t N>
std::array<std::uint8_t, N> fixed(const Object& object, const std::string& name) {
  const base::Bytes bytes = hex(object, name);
  if (bytes.size() != N) throw Poco::SyntaxException(name);
  std::array<std::uint8_t, N> result{};
  std::copy(bytes.begin(), bytes.end(), result.begin());
  return result;
}

Object::Ptr memory_to_json(const Memory& memory) {
  Object::Ptr json = new Object(Poco::JSON_PRESERVE_KEY_ORDER);
  json->set("counter", memory.counter);
  json->set("sms_counter", memory.sms_counter);
  json->set("watched", base::to_hex(memory.watched));
  json->set("use_ms", memory.use_ms);
  json->set("since_report_ms", memory.since_report_ms);
  json->set("identity_known", memory.identity_known);
  json->set("report_due", memory.report_due);
  json->set("key_asked", memory.key_asked);
  if (memory.previous) json->set("previous", base::to_hex(*memory.previous));
  if (memory.moved) json->set("moved", base::to_hex(*memory.moved));
  if (memory.upload) {
    Object::Ptr upload = new Object;
    upload->set("transaction", memory.upload->transaction);
    upload->set("total", memory.upload->total);
    upload->set("digest", base::to_hex(memory.upload->digest));
    upload->set("retries", memory.upload->retries);
    json->set("upload", upload);
  }
  return json;
}

Memory memory_from_json(const Object& json) {
  Memory memory;
  memory.counter = json.getValue<Poco::UInt64>("counter");
  memory.sms_counter = json.getValue<Poco::UInt64>("sms_counter");
  memory.watched = fixed<10>(json, "watched");
  memory.use_ms = json.getValue<Poco::Int64>("use_ms");
  memory.since_report_ms = json.getValue<Poco::Int64>("since_report_ms");
  memory.identity_known = json.getValue<bool>("identity_known");
  memory.report_due = json.getValue<bool>("report_due");
  memory.key_asked = json.getValue<bool>("key_asked");
  if (json.has("previous")) memory.previous = fixed<10>(json, "previous");
  if (json.has("moved")) memory.moved = fixed<10>(json, "moved");
  if (const Object::Ptr upload = json.getObject("upload")) {
    memory.upload.emplace();
    memory.upload->transaction = upload->getValue<std::uint32_t>("transaction");
    memory.upload->total = upload->getValue<std::uint32_t>("total");
    memory.upload->digest = fixed<32>(*upload, "digest");
    memory.upload->retries = upload->getValue<int>("retries");
  }
  return memory;
}

Object::Ptr keys_to_json(const OtaKeys& keys) {
  Object::Ptr json = new Object(Poco::JSON_PRESERVE_KEY_ORDER);
  json->set("key_set", static_cast<int>(keys.key_set));
  json->set("algorithm", keys.family == bip::Family::aes ? "aes" : "3des");
  json->set("kic", base::to_hex(keys.kic.view()));
  json->set("kid", base::to_hex(keys.kid.view()));
  if (!keys.psk.empty()) json->set("psk", base::to_hex(keys.psk.view()));
  return json;
}

std::optional<bip::Family> family_of(std::string_view name) {
  if (name.starts_with("aes") || name.starts_with("AES")) return bip::Family::aes;
  if (name.starts_with("3des") || name.starts_with("3DES")) return bip::Family::des3;
  return std::nullopt;
}

OtaKeys keys_from_json(const Object& json) {
  OtaKeys keys;
  keys.key_set = static_cast<std::uint8_t>(json.getValue<int>("key_set"));
  const auto family = family_of(json.getValue<std::string>("algorithm"));
  if (!family) throw Poco::SyntaxException("algorithm");
  keys.family = *family;
  keys.kic = base::Secret(hex(json, "kic"));
  keys.kid = base::Secret(hex(json, "kid"));
  if (json.has("psk")) keys.psk = base::Secret(hex(json, "psk"));
  return keys;
}

Card card_from_json(const Object& json) {
  if (json.getValue<int>("version") != kVersion) throw Poco::SyntaxException("version");
  const Object::Ptr sizes = json.getObject("sizes");
  const Object::Ptr keys = json.getObject("keys");
  const Object::Ptr memory = json.getObject("memory");
  const Object::Ptr files = json.getObject("files");
  const auto server = parse_server(json.getValue<std::string>("server"));
  if (!sizes || !keys || !memory || !files || !server) throw Poco::SyntaxException("member");
  const Sizes wanted{sizes->getValue<std::uint32_t>("contacts"),
                     sizes->getValue<std::uint32_t>("messages"),
                     sizes->getValue<std::uint32_t>("memos")};
  if (wanted.contacts == 0 || wanted.contacts > kMaxContacts || wanted.messages > 254 ||
      wanted.memos > 254) {
    throw Poco::SyntaxException("sizes");
  }
  Card card = make_card(fixed<10>(json, "iccid"), wanted, "");
  card.server = *server;
  const auto carrier = parse_carrier(json.optValue<std::string>("channel", "tcp"));
  if (!carrier) throw Poco::SyntaxException("channel");
  card.carrier = *carrier;
  card.keys = keys_from_json(*keys);
  card.memory = memory_from_json(*memory);
  for (File& file : card.files.files()) {
    file.set_content(hex(*files, to_string(file.path())));
  }
  return card;
}

template <class T, class Read>
base::Result<T> read_json(const std::string& path, Read read) {
  const auto text = base::read_text_file(path, kLargestFile);
  if (!text) return base::Error{path + ": " + text.error()};
  try {
    Poco::JSON::Parser parser;
    const auto json = parser.parse(*text).extract<Object::Ptr>();
    return read(*json);
  } catch (const std::exception&) {
    return base::Error{path + ": not a file of bipvault-card"};
  }
}

base::Status write_json(const std::string& path, const Object& json) {
  std::ostringstream text;
  json.stringify(text, 1);
  text << '\n';
  return base::write_file_atomically(path, text.str(), 0600);
}

}  // namespace

base::Result<Card> load_card(const std::string& path) {
  return read_json<Card>(path, card_from_json);
}

base::Status save_card(const std::string& path, const Card& card) {
  Object json(Poco::JSON_PRESERVE_KEY_ORDER);
  json.set("version", kVersion);
  json.set("iccid", base::to_hex(card.iccid));
  json.set("server", to_string(card.server));
  json.set("channel", std::string(to_string(card.carrier)));
  Object::Ptr sizes = new Object(Poco::JSON_PRESERVE_KEY_ORDER);
  sizes->set("contacts", static_cast<std::uint32_t>(card.sizes.contacts));
  sizes->set("messages", static_cast<std::uint32_t>(card.sizes.messages));
  sizes->set("memos", static_cast<std::uint32_t>(card.sizes.memos));
  json.set("sizes", sizes);
  json.set("keys", keys_to_json(card.keys));
  json.set("memory", memory_to_json(card.memory));
  Object::Ptr files = new Object(Poco::JSON_PRESERVE_KEY_ORDER);
  for (const File& file : card.files.files()) {
    files->set(to_string(file.path()), base::to_hex(file.content()));
  }
  json.set("files", files);
  return write_json(path, json);
}

base::Result<Phone> load_phone(const std::string& path) {
  struct stat state {};
  if (::stat(path.c_str(), &state) != 0 && errno == ENOENT) return Phone{};
  return read_json<Phone>(path, [](const Object& json) {
    Phone phone;
    phone.imei = json.getValue<std::string>("imei");
    if (!imei_octets(phone.imei)) throw Poco::SyntaxException("imei");
    phone.last_iccid = fixed<10>(json, "last_iccid");
    return phone;
  });
}

base::Status save_phone(const std::string& path, const Phone& phone) {
  Object json(Poco::JSON_PRESERVE_KEY_ORDER);
  json.set("imei", phone.imei);
  json.set("last_iccid", base::to_hex(phone.last_iccid));
  return write_json(path, json);
}

}  // namespace card
