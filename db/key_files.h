// Key files: master keys (data at rest), peppers (user keys), audit key. One key a line:
// "NUMBER HEX64", comments with '#'; the highest number is used for what is new. Mode must be
// 0600 or 0400 and the owner the caller, else they are refused. The audit key file holds exactly
// one key. Errors name file and line, never anything that the line held.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "db/master_keys.h"
#include "db/settings.h"
#include "vault/ports.h"

namespace db {

inline constexpr std::uint32_t kHighestKeyNumber = 999'999'999;

// What is wrong with the keys that a configuration names; `key` is its key of section [keys].
struct KeyFault {
  const char* key = "";
  std::string text;
};
// All of them in one line.
std::string text_of(const std::vector<KeyFault>& faults);

// The master keys may lie in an HSM instead. Immutable after load; any thread.
class FileKeyRing : public vault::KeyRing {
 public:
  // The error names all faults.
  static base::Result<std::unique_ptr<FileKeyRing>> load(const KeyFiles& files);
  // Of all files and of the HSM; empty: load() will do.
  static std::vector<KeyFault> faults(const KeyFiles& files);

  std::uint32_t newest_pepper() const override;
  std::optional<vault::KeyMac> key_mac(std::uint32_t pepper, const vault::RecordId& record,
                                       base::View key_ascii) const override;
  base::Sha256 audit_mac(std::initializer_list<base::View> parts) const override;
  std::string document_mac(const std::string& type, base::View number) const override;

  const MasterKeys& master_keys() const { return master_; }
  const NumberedKeys& peppers() const { return peppers_; }
  const NumberedKeys& audit_keys() const { return audit_; }
  // Where they come from.
  const KeyFiles& files() const { return files_; }

 private:
  void read(const KeyFiles& files, std::vector<KeyFault>& faults);

  KeyFiles files_;
  MasterKeys master_;
  NumberedKeys peppers_;
  NumberedKeys audit_;
};

// What first keys are numbered; the audit key is always 1.
struct FirstNumbers {
  std::uint32_t master = 1;
  std::uint32_t pepper = 1;
};

// Creates the files that do not exist, each with one random key and mode 0600; an existing file is
// left alone, a symbolic link refused. Where there is a token no file of master keys is made.
// Returns the paths created.
base::Result<std::vector<std::string>> create_key_files(const KeyFiles& files,
                                                        const FirstNumbers& numbers = {});

// The keys of one file.
base::Result<NumberedKeys> read_key_file(const std::string& path, bool may_be_empty = false);
std::string directory_of(const std::string& path);
// A renamed or created entry survives a power cut only after this.
base::Status sync_directory_of(const std::string& path);

// A file with a secret (key, password): regular, owned by the caller, mode 0600 or 0400, at most
// 64 KiB. Line ends at the end of the file are dropped.
base::Result<base::Secret> read_secret_file(const std::string& path);

}  // namespace db
