#include "card/file_system.h"

#include <algorithm>

namespace card {

std::string to_string(const Path& path) {
  std::string text;
  for (std::uint16_t fid : path) {
    if (!text.empty()) text += '/';
    text += base::to_hex(base::Writer().u16(fid).view());
  }
  return text;
}

File File::transparent(Path path, base::Bytes content, Access access) {
  File file;
  file.path_ = std::move(path);
  file.access_ = access;
  file.content_ = std::move(content);
  return file;
}

File File::linear(Path path, std::uint8_t record_length, std::size_t records, base::Bytes fill,
                  std::uint8_t sfi) {
  File file;
  file.path_ = std::move(path);
  file.structure_ = Structure::linear_fixed;
  file.sfi_ = sfi;
  file.record_length_ = record_length;
  file.fill_ = std::move(fill);
  file.fill_.resize(record_length, 0xFF);
  file.content_.resize(records * record_length);
  file.erase();
  return file;
}

std::size_t File::records() const {
  return record_length_ == 0 ? 0 : content_.size() / record_length_;
}

void File::set_content(base::View content) {
  const std::size_t size = std::min(content.size(), content_.size());
  std::copy_n(content.begin(), size, content_.begin());
  std::fill(content_.begin() + static_cast<std::ptrdiff_t>(size), content_.end(), 0xFF);
}

base::View File::record(std::size_t number) const {
  if (number == 0 || number > records()) return {};
  return base::View(content_).subspan((number - 1) * record_length_, record_length_);
}

bool File::update(std::size_t number, base::View content) {
  if (number == 0 || number > records() || content.size() != record_length_) return false;
  std::copy(content.begin(), content.end(),
            content_.begin() + static_cast<std::ptrdiff_t>((number - 1) * record_length_));
  return true;
}

bool File::update_binary(std::size_t offset, base::View part) {
  if (offset > content_.size() || part.size() > content_.size() - offset) return false;
  std::copy(part.begin(), part.end(), content_.begin() + static_cast<std::ptrdiff_t>(offset));
  return true;
}

void File::erase() {
  if (structure_ == Structure::transparent) {
    std::fill(content_.begin(), content_.end(), 0xFF);
    return;
  }
  for (std::size_t number = 1; number <= records(); ++number) update(number, fill_);
}

bool File::record_free(std::size_t number) const {
  const base::View octets = record(number);
  const bool says_so = !octets.empty() && fill_[0] != 0xFF && octets[0] == fill_[0];
  return says_so ||
         std::all_of(octets.begin(), octets.end(), [](std::uint8_t o) { return o == 0xFF; });
}

File* FileSystem::find(const Path& path) {
  const auto it = std::find_if(files_.begin(), files_.end(),
                               [&](const File& file) { return file.path() == path; });
  return it == files_.end() ? nullptr : &*it;
}

const File* FileSystem::find(const Path& path) const {
  return const_cast<FileSystem*>(this)->find(path);
}

bool FileSystem::is_directory(const Path& path) const {
  return std::any_of(files_.begin(), files_.end(), [&](const File& file) {
    return file.path().size() > path.size() &&
           std::equal(path.begin(), path.end(), file.path().begin());
  });
}

}  // namespace card
