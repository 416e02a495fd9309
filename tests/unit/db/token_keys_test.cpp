// Master keys in an HSM, with a token of softhsm2: they seal and open, from many threads, beside a
// key file; what is wrong is told; what was lost - sessions, login, module, token - is reached
// anew; a wrong PIN is tried once.
#include <boost/test/unit_test.hpp>

#include <p11-kit/pkcs11.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include "base/crypto.h"
#include "db/key_files.h"
#include "db/master_keys.h"
#include "db/seal.h"
#include "db/sql.h"
#include "db/token_keys.h"
#include "tests/support/soft_hsm.h"
#include "tests/support/until.h"

namespace {

const base::Bytes kPlain(32, 7);
const base::Bytes kPlace{1, 2, 3};

struct Hsm : support::SoftHsm {
  std::unique_ptr<db::TokenKeys> open() const {
    auto made = db::TokenKeys::open(settings());
    BOOST_REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.error()));
    return made.take();
  }
  std::string refused(db::TokenSettings with) const {
    const auto made = db::TokenKeys::open(with);
    return made.ok() ? "opened" : made.error();
  }
  // The module as the host would see it: the same, in the same process.
  static CK_FUNCTION_LIST& module() {
    void* const library = ::dlopen(kModule, RTLD_NOW | RTLD_LOCAL);
    BOOST_REQUIRE(library != nullptr);
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
    CK_FUNCTION_LIST* functions = nullptr;
    BOOST_REQUIRE(get(&functions) == CKR_OK);
    return *functions;
  }
  static CK_SLOT_ID slot() {
    CK_SLOT_ID slots[8] = {};
    CK_ULONG count = 8;
    BOOST_REQUIRE(module().C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK);
    for (CK_ULONG i = 0; i < count; ++i) {
      CK_TOKEN_INFO info{};
      module().C_GetTokenInfo(slots[i], &info);
      if (info.label[0] == 'v' && (info.flags & CKF_TOKEN_INITIALIZED) != 0) return slots[i];
    }
    BOOST_REQUIRE_MESSAGE(false, "no token");
    return 0;
  }
};

bool contains(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) BOOST_TEST_MESSAGE("seen: " << text);
  return found;
}

// Nothing: the HSM cannot be used.
std::optional<base::Bytes> sealed_by(const db::TokenKeys& keys, std::uint32_t number) {
  try {
    return keys.seal(number, kPlain, kPlace);
  } catch (const db::SqlError& error) {
    BOOST_TEST((error.kind() == db::SqlError::Kind::keys));
    return std::nullopt;
  }
}

bool opens(const db::TokenKeys& keys, std::uint32_t number, base::View sealed) {
  try {
    const auto plain = keys.open(number, sealed, kPlace);
    return plain && base::Bytes(plain->view().begin(), plain->view().end()) == kPlain;
  } catch (const db::SqlError&) {
    return false;
  }
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(token_keys, Hsm)

// Proves that a key is made, seals and opens, is there for the next process, and can be destroyed.
BOOST_AUTO_TEST_CASE(life_of_a_key) {
  base::Bytes sealed;
  {
    const auto keys = open();
    BOOST_TEST(keys->numbers().empty());
    BOOST_TEST(!sealed_by(*keys, 1).has_value());
    BOOST_REQUIRE(keys->create(1).ok());
    BOOST_REQUIRE(keys->create(7).ok());
    BOOST_TEST((keys->numbers() == std::set<std::uint32_t>{1, 7}));
    sealed = keys->seal(7, kPlain, kPlace);
    BOOST_TEST(sealed.size() == 12 + kPlain.size() + 16);
    BOOST_TEST((sealed != keys->seal(7, kPlain, kPlace)));
    BOOST_TEST(opens(*keys, 7, sealed));
    BOOST_TEST(keys->check().ok());
  }
  const auto keys = open();
  BOOST_TEST((keys->numbers() == std::set<std::uint32_t>{1, 7}));
  BOOST_TEST(opens(*keys, 7, sealed));
  BOOST_REQUIRE(keys->destroy(7).ok());
  BOOST_TEST((open()->numbers() == std::set<std::uint32_t>{1}));
}

// Proves that of two hosts that make the same number at one moment the later one takes its key
// back: with two of a number nobody could use the token any more.
BOOST_AUTO_TEST_CASE(one_number_at_two_hosts) {
  const auto first = open();
  const auto second = open();
  BOOST_REQUIRE(first->create(1).ok());
  const auto sealed = first->seal(1, kPlain, kPlace);
  const base::Status later = second->create(1);
  BOOST_REQUIRE(!later.ok());
  BOOST_TEST(contains(later.error(), "HSM token 'vault': another host has made key 1"));
  BOOST_TEST(second->numbers().empty());
  BOOST_TEST(refused(settings()) == "opened");
  BOOST_TEST(opens(*open(), 1, sealed));
}

// Proves that octets cut at every length or changed anywhere, another place or another key are "not
// authentic", and no reason to take the HSM for lost.
BOOST_AUTO_TEST_CASE(not_authentic) {
  const auto keys = open();
  BOOST_REQUIRE(keys->create(1).ok());
  BOOST_REQUIRE(keys->create(2).ok());
  const auto sealed = keys->seal(1, kPlain, kPlace);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    BOOST_TEST(!keys->open(1, base::View(sealed).first(i), kPlace).has_value());
    auto changed = sealed;
    changed[i] ^= 0x40;
    BOOST_TEST(!keys->open(1, changed, kPlace).has_value());
  }
  BOOST_TEST(!keys->open(1, sealed, base::Bytes{1, 2, 4}).has_value());
  BOOST_TEST(!keys->open(2, sealed, kPlace).has_value());
  BOOST_TEST(opens(*keys, 1, sealed));
}

// Proves that a key can neither be read out nor be allowed to.
BOOST_AUTO_TEST_CASE(never_leaves) {
  const auto keys = open();
  BOOST_REQUIRE(keys->create(1).ok());
  CK_FUNCTION_LIST& f = module();
  CK_ULONG count = 0;
  CK_SESSION_HANDLE session = 0;
  BOOST_REQUIRE(f.C_OpenSession(slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr,
                                &session) == CKR_OK);
  BOOST_REQUIRE(f.C_FindObjectsInit(session, nullptr, 0) == CKR_OK);
  CK_OBJECT_HANDLE key = 0;
  BOOST_REQUIRE(f.C_FindObjects(session, &key, 1, &count) == CKR_OK);
  BOOST_REQUIRE(count == 1u);
  f.C_FindObjectsFinal(session);
  std::uint8_t value[64] = {};
  CK_ATTRIBUTE asked{CKA_VALUE, value, sizeof value};
  BOOST_TEST(f.C_GetAttributeValue(session, key, &asked, 1) == CK_RV{CKR_ATTRIBUTE_SENSITIVE});
  CK_BBOOL yes = CK_TRUE;
  CK_ATTRIBUTE allow{CKA_EXTRACTABLE, &yes, sizeof yes};
  BOOST_TEST(f.C_SetAttributeValue(session, key, &allow, 1) != CK_RV{CKR_OK});
}

// Proves that each thing that is wrong at the start is told, and nothing of the PIN.
BOOST_AUTO_TEST_CASE(what_is_wrong) {
  auto with = settings();
  with.module = path + "/nothing.so";
  BOOST_TEST(contains(refused(with), "the module cannot be loaded"));
  with.module = "libzstd.so.1";
  BOOST_TEST(contains(refused(with), "is no PKCS#11 module"));
  with = settings();
  with.token = "vau";
  BOOST_TEST(contains(refused(with), "HSM token 'vau': there is no such token"));
  write_pin("999999");
  BOOST_TEST(contains(refused(settings()), "PIN incorrect"));
  BOOST_TEST(refused(settings()).find("999999") == std::string::npos);
  std::filesystem::permissions(path + "/pin", std::filesystem::perms::all);
  BOOST_TEST(contains(refused(settings()), "the PIN: "));
}

// Proves that sessions, login or the whole module may go - here a host takes them away - and
// nobody notices.
BOOST_AUTO_TEST_CASE(lost_sessions) {
  const auto keys = open();
  BOOST_REQUIRE(keys->create(1).ok());
  const auto sealed = keys->seal(1, kPlain, kPlace);
  CK_FUNCTION_LIST& f = module();
  BOOST_REQUIRE(f.C_CloseAllSessions(slot()) == CKR_OK);
  BOOST_TEST(opens(*keys, 1, sealed));
  BOOST_REQUIRE(f.C_Finalize(nullptr) == CKR_OK);
  BOOST_TEST(opens(*keys, 1, sealed));
  keys->release();
  BOOST_TEST(opens(*keys, 1, sealed));
}

// Proves that calls fail while the token is away and work when it is there again.
BOOST_AUTO_TEST_CASE(away_and_back) {
  const auto keys = open();
  BOOST_REQUIRE(keys->create(1).ok());
  const auto sealed = keys->seal(1, kPlain, kPlace);
  take_away();
  BOOST_TEST(!sealed_by(*keys, 1).has_value());
  BOOST_TEST(!opens(*keys, 1, sealed));
  BOOST_TEST(contains(keys->check().error(), "HSM token 'vault'"));
  bring_back();
  BOOST_TEST(support::until([&] { return keys->check().ok(); }));
  BOOST_TEST(opens(*keys, 1, sealed));
}

// Proves that an old key that was destroyed meanwhile is missed alone: what the newest does goes on
// when the token is reached anew, and without the newest nothing does.
BOOST_AUTO_TEST_CASE(old_key_destroyed) {
  const auto tool = open();
  BOOST_REQUIRE(tool->create(1).ok());
  BOOST_REQUIRE(tool->create(2).ok());
  const auto keys = open();
  const auto old = keys->seal(1, kPlain, kPlace);
  const auto sealed = keys->seal(2, kPlain, kPlace);
  BOOST_TEST(keys->holds(1));
  BOOST_REQUIRE(tool->destroy(1).ok());
  keys->release();
  BOOST_TEST(keys->check().ok());
  BOOST_TEST(opens(*keys, 2, sealed));
  BOOST_TEST(!opens(*keys, 1, old));
  BOOST_TEST(!sealed_by(*keys, 1).has_value());
  BOOST_TEST(!keys->holds(1));
  BOOST_TEST(opens(*keys, 2, sealed));
  BOOST_REQUIRE(tool->destroy(2).ok());
  keys->release();
  BOOST_TEST(contains(keys->check().error(), "holds no master key 2 any more"));
}

// Proves that a PIN that was refused is not tried again, whatever is asked.
BOOST_AUTO_TEST_CASE(wrong_pin_once) {
  const auto keys = open();
  BOOST_REQUIRE(keys->create(1).ok());
  keys->release();
  write_pin("999999");
  BOOST_TEST(contains(keys->check().error(), "not tried again until a restart"));
  write_pin("123456");
  const auto pause_over = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  bool ever = false;
  BOOST_TEST(support::until([&] {
    ever = ever || keys->check().ok();
    return std::chrono::steady_clock::now() > pause_over;
  }));
  BOOST_TEST(!ever);
  BOOST_TEST(open()->check().ok());
}

// Proves that many threads use the token at once, also while its sessions are lost again and again.
BOOST_AUTO_TEST_CASE(many_threads) {
  const auto keys = open();
  BOOST_REQUIRE(keys->create(1).ok());
  const auto sealed = keys->seal(1, kPlain, kPlace);
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const auto fresh = sealed_by(*keys, 1);
        right += fresh && opens(*keys, 1, *fresh) && opens(*keys, 1, sealed) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(right == 300);
}

// Proves that keys of a file and of the HSM live side by side, with one sequence of numbers, and
// that content goes from one to the other and back.
BOOST_AUTO_TEST_CASE(beside_a_file) {
  const auto tool = open();
  BOOST_REQUIRE(tool->create(2).ok());
  const auto master = [&](std::initializer_list<std::uint32_t> in_file) {
    db::NumberedKeys file;
    for (const std::uint32_t number : in_file) {
      file.emplace(number, base::Secret(base::View(base::Bytes(32, std::uint8_t(number)))));
    }
    return db::MasterKeys(std::move(file), open());
  };
  const db::BlobId id = base::random_array<16>();
  const db::MasterKeys file_then_hsm = master({1});
  BOOST_TEST(file_then_hsm.newest() == 2u);
  BOOST_TEST(file_then_hsm.in_token(2));
  BOOST_TEST(!file_then_hsm.in_token(1));
  auto old_keys = db::NumberedKeys{};
  old_keys.emplace(1, base::Secret(base::View(base::Bytes(32, 1))));
  const db::MasterKeys file_only(std::move(old_keys));
  auto sealed = db::Sealer(file_only).seal(id, kPlace, kPlain);
  BOOST_REQUIRE(db::Sealer(file_then_hsm).rewrap(sealed));
  BOOST_TEST(sealed.master == 2u);
  BOOST_TEST(!db::Sealer(file_only).open(sealed, kPlace, kPlain.size()).has_value());
  const db::MasterKeys hsm_then_file = master({3});
  BOOST_TEST(hsm_then_file.newest() == 3u);
  BOOST_TEST((*db::Sealer(hsm_then_file).open(sealed, kPlace, kPlain.size()) == kPlain));
  BOOST_REQUIRE(db::Sealer(hsm_then_file).rewrap(sealed));
  BOOST_TEST(sealed.master == 3u);
}

// Proves what a key ring refuses: the same number twice, no key at all, a token that is away.
BOOST_AUTO_TEST_CASE(key_ring) {
  db::KeyFiles files{path + "/master", path + "/pepper", path + "/audit", {}};
  BOOST_REQUIRE(db::create_key_files(files).ok());
  files.token = settings();
  BOOST_TEST(db::FileKeyRing::load(files).ok());
  BOOST_REQUIRE(open()->create(1).ok());
  BOOST_TEST(contains(db::FileKeyRing::load(files).error(), "in the key file and in the HSM"));
  files.master_key_file = "";
  BOOST_TEST(db::FileKeyRing::load(files).ok());
  BOOST_REQUIRE(open()->destroy(1).ok());
  BOOST_TEST(contains(db::FileKeyRing::load(files).error(), "keys init"));
  take_away();
  BOOST_TEST(contains(db::FileKeyRing::load(files).error(), "there is no such token"));
}

BOOST_AUTO_TEST_SUITE_END()
