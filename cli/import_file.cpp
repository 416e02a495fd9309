#include "cli/import_file.h"

#include <algorithm>

#include "base/csv.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "cli/phone_number.h"
#include "cli/vendor_file.h"
#include "vault/texts.h"

namespace cli {

namespace {

constexpr std::size_t kLongestCustomer = 255;

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet < 0x20 || octet == 0x7F;
  });
}

class CsvImport : public ImportReader {
 public:
  explicit CsvImport(base::Lines& lines) : reader_(lines) {}
  ~CsvImport() override {
    for (std::string& field : fields_) base::wipe(field.data(), field.size());
  }

  base::Status open() {
    if (base::Status opened = reader_.open(); !opened) return opened;
    iccid_ = reader_.column("iccid");
    msisdn_ = reader_.column("msisdn");
    customer_ = reader_.column("customer");
    language_ = reader_.column("language");
    if (!iccid_) return base::Error{"there is no column iccid"};
    return {};
  }

  Got next() override {
    const base::CsvReader::Got got = reader_.next(fields_);
    line_ = reader_.line();
    if (got == base::CsvReader::Got::end) return Got::end;
    if (got == base::CsvReader::Got::failed) return Got::failed;
    if (got == base::CsvReader::Got::bad) return bad(reader_.fault());
    return card({field(iccid_), field(msisdn_), field(customer_), field(language_)});
  }
  ImportFormat format() const override { return ImportFormat::csv; }

 private:
  std::string_view field(std::optional<std::size_t> column) const {
    return column ? std::string_view(fields_[*column]) : std::string_view();
  }

  base::CsvReader reader_;
  std::vector<std::string> fields_;
  std::optional<std::size_t> iccid_;
  std::optional<std::size_t> msisdn_;
  std::optional<std::size_t> customer_;
  std::optional<std::size_t> language_;
};

}  // namespace

std::optional<vault::Iccid> import_iccid(std::string_view typed) {
  if (auto literal = vault::Iccid::from_digits(typed); literal && typed.starts_with("89")) {
    return literal;
  }
  // A check digit is neither added nor cut: what the card has is what counts.
  const auto digits =
      std::count_if(typed.begin(), typed.end(), [](char c) { return c >= '0' && c <= '9'; });
  std::vector<vault::Iccid> spellings = vault::iccid_spellings(typed);
  std::erase_if(spellings, [&](const vault::Iccid& iccid) {
    return iccid.digits().size() != static_cast<std::size_t>(digits);
  });
  for (const vault::Iccid& iccid : spellings) {
    if (iccid.digits().starts_with("89")) return iccid;
  }
  if (spellings.empty()) return std::nullopt;
  return spellings.front();
}

ImportReader::Got ImportReader::bad(std::string why) {
  fault_ = std::move(why);
  return Got::bad;
}

ImportReader::Got ImportReader::card(const Fields& fields) {
  warning_.clear();
  if (fields.iccid.empty()) return bad("no ICCID");
  const auto iccid = import_iccid(fields.iccid);
  if (!iccid) return bad("the ICCID is not 10 to 20 digits");
  vault::ImportLine line{*iccid, std::nullopt, std::string(base::trim(fields.customer)),
                         vault::language_code(fields.language)};
  number_without_plus_ = false;
  if (!fields.msisdn.empty()) {
    TypedNumber typed = read_number(fields.msisdn, country_code_);
    if (!typed.number) {
      return bad("the msisdn " + typed.fault + (typed.national ? ", or give --country-code" : ""));
    }
    line.msisdn = std::move(typed.number);
    number_without_plus_ = typed.without_plus;
  }
  if (line.customer.size() > kLongestCustomer || has_control(line.customer) ||
      !base::valid_utf8(line.customer)) {
    return bad(base::cat("the customer is longer than ", kLongestCustomer,
                         " octets or holds characters that cannot be kept"));
  }
  if (!fields.language.empty() && line.language.empty()) {
    return bad("the language is not a code such as en or zh-CN");
  }
  if (!iccid->luhn_ok()) {
    warning_ = base::cat("ICCID ", iccid->digits(), ": the last digit is not its check digit");
  }
  card_ = std::move(line);
  return Got::card;
}

base::Result<std::unique_ptr<ImportReader>> open_import(base::Lines& lines, ImportFormat format) {
  if (format == ImportFormat::csv) {
    auto reader = std::make_unique<CsvImport>(lines);
    if (const base::Status opened = reader->open(); !opened) return base::Error{opened.error()};
    return std::unique_ptr<ImportReader>(std::move(reader));
  }
  auto reader = std::make_unique<VendorImport>(lines);
  if (const base::Status opened = reader->open(); !opened) return base::Error{opened.error()};
  return std::unique_ptr<ImportReader>(std::move(reader));
}

}  // namespace cli
