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

/// What a letter means, of which several may mean the same.
struct Meaning {
  bool passed = false;      ///< $Forwarded, which is a flag here
  std::size_t keyword = 0;  ///< else: its bit
  friend bool operator==(const Meaning&, const Meaning&) = default;
};
Meaning meaning_of(std::size_t letter, const std::vector<std::string>& names) {
  if (is_forwarded(names[letter])) return {.passed = true};
  return {.keyword = names[letter].empty() ? letter : *find_name(names, names[letter])};
}
bool has(const Entry& entry, Meaning meaning) {
  return meaning.passed ? (entry.flags & message::kBoxPassed) != 0 : (entry.keywords >> meaning.keyword & 1) != 0;
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

bool is_forwarded(std::string_view keyword) { return equals_ignore_case(keyword, kForwarded); }

std::optional<std::size_t> find_name(const std::vector<std::string>& names, std::string_view keyword) {
  const auto found =
      std::ranges::find_if(names, [&](const std::string& name) { return equals_ignore_case(name, keyword); });
  if (keyword.empty() || found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

bool Box::is_changed() const {
  return std::ranges::any_of(entries_, [](const Entry& entry) { return entry.deleted || entry.is_marked(); });
}

Result<std::unique_ptr<Box>> MaildirBox::open(const std::string& path, const Host& here) {
  if (!is_maildir(path)) return fail(kNoBox, path + " is no Maildir");
  std::unique_ptr<MaildirBox> box(new MaildirBox(path, here));
  // Names before letters: who gives a message a new keyword has named it before.
  TRY(box->read_names());
  TRY(box->look());
  return box;
}

/// Where nobody knows them, letters stay as they are, and none is given.
Result<> MaildirBox::read_names() {
  KeywordTable table = TRY(read_keyword_table(path_));
  using There = KeywordTable::There;
  const bool takes_names = table.there == There::table || (table.there == There::nothing && TRY(has_numbers(path_)));
  keyword_names_ = takes_names ? table.names : std::vector<std::string>();
  names_there_ = std::move(table.names);
  return {};
}

Entry MaildirBox::entry_of(const std::string& name, std::uint64_t octets) const {
  const auto parsed = *message::parse_maildir_name(std::string_view(name).substr(4));
  Entry entry{.octets = parsed.size.value_or(octets)};
  entry.flags_there = parsed.flags;
  if (name.starts_with("cur/")) entry.flags_there |= message::kBoxOld;
  for (const char letter : parsed.keywords) {
    const Meaning meaning = meaning_of(static_cast<std::size_t>(letter - 'a'), names_there_);
    if (meaning.passed)
      entry.flags_there |= message::kBoxPassed;
    else
      entry.keywords_there |= Keywords{1} << meaning.keyword;
  }
  entry.flags = entry.flags_there;
  entry.keywords = entry.keywords_there;
  return entry;
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
    entries_.push_back(entry_of(name, static_cast<std::uint64_t>(status.st_size)));
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

/// Whether its letters change, not its flags alone.
bool MaildirBox::is_lettered(const Entry& entry) const {
  const bool passed = ((entry.flags ^ entry.flags_there) & message::kBoxPassed) != 0;
  return entry.keywords != entry.keywords_there || (passed && find_name(keyword_names_, kForwarded));
}

/// Letters that are right stay, so that a name is another one only where it means something else. $Forwarded is told by
/// its letter where it has one, for Dovecot knows no "P" and would leave it there.
std::string MaildirBox::name_of(const message::MaildirName& before, const Entry& entry) const {
  const std::vector<std::string>& names = keyword_names_.empty() ? names_there_ : keyword_names_;
  std::vector<Meaning> told;
  std::string letters;
  const auto is_told = [&](Meaning meaning) { return std::ranges::count(told, meaning) > 0; };
  const auto tell = [&](std::size_t letter) {
    told.push_back(meaning_of(letter, names));
    letters += static_cast<char>('a' + letter);
  };
  for (const char letter : before.keywords)
    if (has(entry, meaning_of(static_cast<std::size_t>(letter - 'a'), names)))
      tell(static_cast<std::size_t>(letter - 'a'));
  auto flags = static_cast<message::BoxFlags>(entry.flags & ~message::kBoxOld);
  const bool had_flag = (before.flags & message::kBoxPassed) != 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Meaning meaning = meaning_of(i, names);
    if (!has(entry, meaning) || is_told(meaning) || (meaning.passed && had_flag)) continue;
    tell(i);
  }
  if (!had_flag && is_told({.passed = true})) flags = static_cast<message::BoxFlags>(flags & ~message::kBoxPassed);
  return message::format_maildir_name(before.base, flags, letters);
}

/// To the folder cur, with its flags in its name.
Result<> MaildirBox::move(std::size_t number) {
  const std::string& old = files_[number].name;
  const auto parsed = *message::parse_maildir_name(std::string_view(old).substr(4));
  std::string wanted = "cur/" + name_of(parsed, entries_[number]);
  if (wanted == old) return {};
  if (rename((path_ + "/" + old).c_str(), (path_ + "/" + wanted).c_str()) != 0 && errno != ENOENT)
    return std::unexpected(cannot("cannot move " + old, errno));
  files_[number].name = std::move(wanted);
  return {};
}

/// Held while letters are given: a letter means something by names that are read under the lock, and a name is there
/// before any message has its letter.
Result<std::unique_ptr<KeywordTableLock>> MaildirBox::lock_names() {
  auto lock = TRY(KeywordTableLock::take(path_, here_.delivery));
  const KeywordTable now = TRY(read_keyword_table(path_));
  if (now.names != names_there_ || now.there == KeywordTable::There::no_table)
    return fail(kChanged, "names of keywords in " + path_ + " were written anew: nothing is changed there");
  if (keyword_names_ != now.names) TRY(lock->replace(now, keyword_names_));
  return lock;
}

Result<> MaildirBox::write() {
  std::unique_ptr<KeywordTableLock> lock;
  if (!keyword_names_.empty() &&
      std::ranges::any_of(entries_, [this](const Entry& entry) { return !entry.deleted && is_lettered(entry); })) {
    lock = TRY(lock_names());
    names_there_ = keyword_names_;
  }
  std::vector<File> files;
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].deleted) {
      // Gone already, or renamed by another program, which has shown it to its user since: then it stays.
      if (unlink((path_ + "/" + files_[i].name).c_str()) != 0 && errno != ENOENT)
        return std::unexpected(cannot("cannot remove " + files_[i].name, errno));
      continue;
    }
    if (entries_[i].is_marked()) TRY(move(i));
    entries_[i].flags_there = entries_[i].flags;
    entries_[i].keywords_there = entries_[i].keywords;
    files.push_back(files_[i]);
    entries.push_back(entries_[i]);
  }
  files_ = std::move(files);
  entries_ = std::move(entries);
  TRY(sync_folder(path_ + "/cur"));
  return sync_folder(path_ + "/new");
}

Result<std::unique_ptr<Box>> open_box(const std::string& path, const Host& here, Access access) {
  if (here.delivery.own_only) return MboxBox::open(path, here, access);
  // Boxes may be links; who follows them is the user.
  char* resolved = realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return fail(kNoBox, "no mail in " + path);
  const std::string real = resolved;
  std::free(resolved);
  struct stat status{};
  if (stat(real.c_str(), &status) != 0) return std::unexpected(cannot(path, errno));
  return S_ISDIR(status.st_mode) ? MaildirBox::open(real, here) : MboxBox::open(real, here, access);
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
