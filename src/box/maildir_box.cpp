#include "box/maildir_box.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/text.h"
#include "box/box.h"
#include "box/mbox_box.h"
#include "delivery/files.h"
#include "delivery/letter.h"
#include "message/maildir_name.h"

namespace angarium::box {
namespace {

using delivery::Descriptor;

constexpr std::size_t kBlock = 65536;

Error cannot(const std::string& what, int number) { return {kHost, what + ": " + strerrordesc_np(number)}; }

Result<std::vector<std::string>> names_in(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(opendir(folder.c_str()), closedir);
  if (!listing) return std::unexpected(cannot(folder, errno));
  std::vector<std::string> names;
  while (const dirent* entry = readdir(listing.get())) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    if (names.size() > kMaildirFilesMax) return fail(kHost, folder + " has too many files");
  }
  return names;
}

Result<> sync_folder(const std::string& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() < 0 || fsync(opened.get()) != 0) return std::unexpected(cannot(folder, errno));
  return {};
}

/// By the time in the name, then by the name: the order of arrival, as far as it is known.
bool earlier(std::string_view a, std::string_view b) {
  const auto seconds = [](std::string_view name) {
    name.remove_prefix(name.rfind('/') + 1);
    const std::size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
    return parse_number<std::uint64_t>(name.substr(0, digits)).value_or(0);
  };
  const auto left = seconds(a);
  const auto right = seconds(b);
  return left != right ? left < right : a.substr(a.rfind('/') + 1) < b.substr(b.rfind('/') + 1);
}

bool is_maildir(const std::string& path) {
  struct stat status{};
  return ::stat((path + "/cur").c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

Result<std::string> Box::read(std::size_t number, std::size_t max) {
  std::string message = TRY(start(number, max + 1));
  if (message.size() > max)
    return fail(kHost, "message " + std::to_string(number + 1) + " is larger than " + std::to_string(max) +
                           " octets: it stays where it is");
  return message;
}

bool Box::is_changed() const {
  return std::ranges::any_of(entries_,
                             [](const Entry& entry) { return entry.deleted || entry.flags != entry.flags_there; });
}

Result<std::unique_ptr<Box>> MaildirBox::open(const std::string& path) {
  if (!is_maildir(path)) return fail(kNoBox, path + " is no Maildir");
  std::unique_ptr<MaildirBox> box(new MaildirBox(path));
  TRY(box->look());
  return box;
}

Result<std::size_t> MaildirBox::look() {
  std::vector<std::string> found;
  for (const std::string folder : {"cur", "new"}) {
    for (const std::string& name : TRY(names_in(path_ + "/" + folder))) {
      const auto parsed = message::parse_maildir_name(name);
      if (parsed && !known_.contains(parsed->base)) found.push_back(folder + "/" + name);
    }
  }
  std::ranges::sort(found, earlier);
  for (std::string& name : found) {
    const std::string_view last = std::string_view(name).substr(4);
    const auto parsed = *message::parse_maildir_name(last);
    known_.emplace(parsed.base);
    struct stat status{};
    if (stat((path_ + "/" + name).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    Entry entry{.octets = parsed.size.value_or(static_cast<std::uint64_t>(status.st_size))};
    entry.flags_there = parsed.flags;
    if (name.starts_with("cur/")) entry.flags_there |= message::kBoxOld;
    entry.flags = entry.flags_there;
    entries_.push_back(entry);
    files_.push_back({std::move(name)});
  }
  return found.size();
}

std::string_view MaildirBox::name(std::size_t number) const {
  return message::parse_maildir_name(std::string_view(files_[number].name).substr(4))->base;
}

Result<std::string> MaildirBox::content(std::size_t number, std::size_t max) {
  Descriptor file(::open((path_ + "/" + files_[number].name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.get() < 0) return std::unexpected(cannot("the message is gone", errno));
  std::string message;
  std::string block(kBlock, '\0');
  while (message.size() < max) {
    const ssize_t got = ::read(file.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(cannot("cannot read the message", errno));
    if (got == 0) break;
    for (const char c : std::string_view(block).substr(0, static_cast<std::size_t>(got))) {
      if (c == '\n' && !message.ends_with('\r')) message += '\r';
      message += c;
    }
  }
  message.resize(std::min(message.size(), max));
  return message;
}

Result<std::string> MaildirBox::start(std::size_t number, std::size_t max) { return content(number, max); }

Result<Came> MaildirBox::came(std::size_t number) {
  struct stat status{};
  if (stat((path_ + "/" + files_[number].name).c_str(), &status) != 0)
    return std::unexpected(cannot("the message is gone", errno));
  return Came{.sender = {}, .date = message::DateTime::at(WallTime::from_seconds(status.st_mtime))};
}

/// To the folder cur, with its flags in its name.
Result<> MaildirBox::move(std::size_t number) {
  const std::string& old = files_[number].name;
  const auto parsed = *message::parse_maildir_name(std::string_view(old).substr(4));
  const auto flags = static_cast<message::BoxFlags>(entries_[number].flags & ~message::kBoxOld);
  std::string wanted = "cur/" + message::format_maildir_name(parsed.base, flags, parsed.keywords);
  if (wanted == old) return {};
  if (rename((path_ + "/" + old).c_str(), (path_ + "/" + wanted).c_str()) != 0 && errno != ENOENT)
    return std::unexpected(cannot("cannot move " + old, errno));
  files_[number].name = std::move(wanted);
  return {};
}

Result<> MaildirBox::write() {
  std::vector<File> files;
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].deleted) {
      // Gone already, or renamed by another program, which has shown it to its user since: then it stays.
      if (unlink((path_ + "/" + files_[i].name).c_str()) != 0 && errno != ENOENT)
        return std::unexpected(cannot("cannot remove " + files_[i].name, errno));
      continue;
    }
    if (entries_[i].flags != entries_[i].flags_there) TRY(move(i));
    entries_[i].flags_there = entries_[i].flags;
    files.push_back(files_[i]);
    entries.push_back(entries_[i]);
  }
  files_ = std::move(files);
  entries_ = std::move(entries);
  TRY(sync_folder(path_ + "/cur"));
  return sync_folder(path_ + "/new");
}

Result<std::unique_ptr<Box>> open_box(const std::string& path, const Host& here, Access access) {
  // Boxes may be links; who follows them is the user.
  char* resolved = realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return fail(kNoBox, "no mail in " + path);
  const std::string real = resolved;
  std::free(resolved);
  struct stat status{};
  if (stat(real.c_str(), &status) != 0) return std::unexpected(cannot(path, errno));
  return S_ISDIR(status.st_mode) ? MaildirBox::open(real) : MboxBox::open(real, here, access);
}

bool has_mail(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return false;
  if (!S_ISDIR(status.st_mode)) return status.st_size > 0;
  for (const char* folder : {"/new", "/cur"})
    if (const auto names = names_in(path + folder); names && !names->empty()) return true;
  return false;
}

}  // namespace angarium::box
