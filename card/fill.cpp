#include "card/fill.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/time.h"
#include "card/image.h"
#include "card/phone_book.h"
#include "card/short_message.h"

namespace card {
namespace {

// SplitMix64: the standard library's distributions differ between implementations.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(next() % limit); }
  template <std::size_t N>
  const char* pick(const std::array<const char*, N>& from) {
    return from[below(N)];
  }
  std::string word(std::string_view list) {
    const auto words = static_cast<std::size_t>(std::count(list.begin(), list.end(), ' '));
    for (std::size_t skip = below(words); skip > 0; --skip) list.remove_prefix(list.find(' ') + 1);
    return std::string(list.substr(0, list.find(' ')));
  }
  std::string digits(std::size_t count) {
    std::string text;
    while (text.size() < count) text.push_back(static_cast<char>('0' + below(10)));
    return text;
  }

 private:
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
  }
  std::uint64_t state_;
};

// Names as lists with a blank after each; one of each kind makes a contact.
struct Names {
  std::string_view first;
  std::string_view last;
  const char* between;
};

constexpr std::array<Names, 5> kNames{{
    {"Anna Paul Maria John Emma Noah Lucia Tom ",
     "Smith Keller Rossi Novak Silva Brown Lind Moreau ", " "},
    {"Jürgen Käthe Søren Åsa Günther Ärni Désirée Jörg ",
     "Müller Groß Østby Schröder Peña Öztürk Bäcker Kühn ", " "},
    {"Иван Анна Пётр Ольга Юрий Нина Олег Мария ",
     "Петров Иванова Сидоров Ким Попова Соколов Лебедев Орлова ", " "},
    {"王 李 张 刘 陈 杨 赵 黄 ", "伟 芳 娜 秀英 敏 静 丽强 磊 ", ""},
    {"Žofie Łukasz Şebnem Ștefan Ğani Ōe Vũ Ạnh ",
     "Dvořák Wiśnia Çelik Ionuț Yıldız Kenzō Nguyễn Trần ", " "},
}};

constexpr std::array<const char*, 6> kSentences{
    {"See you at eight", "Der Zug hat 10 Minuten Verspätung", "Буду поздно", "明天见",
     "Your parcel waits at the shop [desk 3]", "Thanks! Price is 20€, ok?"}};
constexpr std::array<const char*, 4> kTitles{{"Shopping", "Werkstatt", "Дача", "会议"}};
constexpr std::int64_t kBaseDate = 1'760'000'000'000;

Contact invent_contact(Dice& dice, std::size_t index) {
  const Names& names = kNames[index % kNames.size()];
  Contact contact;
  contact.name = dice.word(names.first) + names.between;
  contact.name += dice.word(names.last);
  contact.number = index % 17 == 3  ? "+49" + dice.digits(24)  // needs EF_EXT1
                   : index % 3 == 0 ? "0" + dice.digits(6 + dice.below(5))
                                    : "+" + std::to_string(1 + dice.below(98)) + dice.digits(9);
  if (index % 4 == 1) contact.additional = "+86" + dice.digits(10);
  if (index % 5 == 2) contact.email = "user" + dice.digits(4) + "@mail.example.org";
  return contact;
}

ShortMessage invent_message(Dice& dice, std::size_t index) {
  ShortMessage message;
  message.received = index % 3 != 2;
  message.read = index % 2 == 0;
  message.number = "+49" + dice.digits(10);
  message.text = std::string(dice.pick(kSentences)) + " " + dice.digits(2);
  message.utc_ms = kBaseDate + static_cast<std::int64_t>(dice.below(100'000)) * base::kMinuteMs;
  return message;
}

Memo invent_memo(Dice& dice) {
  Memo memo{dice.pick(kTitles), std::string(dice.pick(kSentences)) + "\n" + dice.digits(3), {}};
  const base::Bytes date = base::to_bcd_date(
      kBaseDate + static_cast<std::int64_t>(dice.below(100'000)) * base::kMinuteMs);
  memo.date.emplace();
  std::copy(date.begin(), date.end(), memo.date->begin());
  return memo;
}

bool add_message(File& file, const base::Bytes& record) {
  for (std::size_t n = 1; n <= file.records(); ++n) {
    if (file.record_free(n)) return file.update(n, record);
  }
  return false;
}

}  // namespace

FillCounts fill_card(Card& card, const FillCounts& wanted, std::uint64_t seed) {
  Dice dice(seed);
  FillCounts done;
  PhoneBook book(card.files);
  for (std::size_t i = 0; i < wanted.contacts; ++i) {
    Contact contact = invent_contact(dice, i);
    if (book.add(contact)) {
      ++done.contacts;
      continue;
    }
    // Without a free EF_EXT1 record a long number cannot be kept.
    contact.number.resize(std::min<std::size_t>(contact.number.size(), 16));
    done.contacts += book.add(contact) ? 1 : 0;
  }
  File* sms = card.files.find(path::usim(fid::kSms));
  for (std::size_t i = 0; sms && i < wanted.messages; ++i) {
    const auto record = sms_record(invent_message(dice, i));
    done.messages += record && add_message(*sms, *record) ? 1 : 0;
  }
  File* memos = card.files.find(path::memos());
  for (std::size_t i = 0; memos && i < wanted.memos; ++i) {
    done.memos += append_memo(*memos, invent_memo(dice)) ? 1 : 0;
  }
  return done;
}

}  // namespace card
