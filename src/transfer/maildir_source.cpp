// Messages of a Maildir.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "message/maildir_name.h"
#include "transfer/local_file.h"
#include "transfer/source.h"

namespace angarium::transfer {
namespace {

/// Octets of dovecot-keywords that are read: 26 lines of any sane length.
constexpr std::size_t kKeywordsFileMax = 64u << 10;

/// A run of digits without its leading zeros.
std::string_view take_digits(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && is_digit(text[size])) ++size;
  std::string_view digits = text.substr(0, size);
  text.remove_prefix(size);
  while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
  return digits;
}

/// Names begin with the time in seconds and go on with counters of many makers: "1204680122.M9P1Q2.host" is older than
/// "1204680122.M27908P1Q3.host". Numbers count as such, all else as octets; names that are the same so, by their
/// octets.
bool arrived_before(std::string_view a, std::string_view b) {
  std::string_view left = a;
  std::string_view right = b;
  while (!left.empty() && !right.empty()) {
    if (is_digit(left.front()) && is_digit(right.front())) {
      const std::string_view one = take_digits(left);
      const std::string_view other = take_digits(right);
      if (one != other) return one.size() != other.size() ? one.size() < other.size() : one < other;
    } else {
      if (left.front() != right.front()) return left.front() < right.front();
      left.remove_prefix(1);
      right.remove_prefix(1);
    }
  }
  if (left.empty() != right.empty()) return left.empty();
  return a < b;
}

/// The names of a folder's files, sorted by their base, in one piece of memory.
class Names {
 public:
  void add(bool fresh, std::string_view name) {
    all_.push_back({.at = static_cast<std::uint32_t>(text_.size()),
                    .size = static_cast<std::uint16_t>(name.size()),
                    .fresh = fresh});
    text_ += name;
  }
  void sort() {
    std::ranges::sort(all_, [this](const Entry& a, const Entry& b) { return arrived_before(base(a), base(b)); });
  }
  [[nodiscard]] std::size_t size() const { return all_.size(); }
  [[nodiscard]] std::string_view name(std::size_t index) const { return name(all_[index]); }
  [[nodiscard]] std::string_view base(std::size_t index) const { return base(all_[index]); }
  [[nodiscard]] bool fresh(std::size_t index) const { return all_[index].fresh; }
  [[nodiscard]] bool full() const { return text_.size() > UINT32_MAX - message::kMaildirNameMax; }

 private:
  struct Entry {
    std::uint32_t at;
    std::uint16_t size;
    bool fresh;
  };
  [[nodiscard]] std::string_view name(const Entry& entry) const {
    return std::string_view(text_).substr(entry.at, entry.size);
  }
  [[nodiscard]] std::string_view base(const Entry& entry) const { return name(entry).substr(0, name(entry).find(':')); }
  std::vector<Entry> all_;
  std::string text_;
};

Result<> list(const std::string& folder, bool fresh, Names& names) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), ::closedir);
  if (!open) {
    if (errno == ENOENT) return {};
    return std::unexpected(place_error(errno, "open", folder));
  }
  while (true) {
    errno = 0;
    const dirent* const entry = ::readdir(open.get());
    if (entry == nullptr && errno != 0) return std::unexpected(place_error(errno, "read", folder));
    if (entry == nullptr) return {};
    const std::string_view name(entry->d_name);
    if (!message::parse_maildir_name(name)) continue;
    if (names.full()) return fail(kPlace, escape_controls(folder, 4096) + " holds too many files");
    names.add(fresh, name);
  }
}

/// Gives every line end the form CR LF; a bare CR stays.
class NetworkLines {
 public:
  std::string_view take(std::string_view octets) {
    out_.clear();
    for (std::size_t at = octets.find('\n'); at != std::string_view::npos; at = octets.find('\n')) {
      const bool has_cr = at == 0 ? after_cr_ : octets[at - 1] == '\r';
      out_ += octets.substr(0, at);
      out_ += has_cr ? "\n" : "\r\n";
      octets.remove_prefix(at + 1);
      after_cr_ = false;
    }
    out_ += octets;
    if (!octets.empty()) after_cr_ = octets.ends_with('\r');
    return out_;
  }

 private:
  bool after_cr_ = false;
  std::string out_;
};

class MaildirSource final : public Reader {
 public:
  MaildirSource(std::string path, const Fingerprint& seed) : path_(std::move(path)), seed_(seed) {}

  Result<> begin() {
    TRY(list(path_ + "/new", true, names_));
    TRY(list(path_ + "/cur", false, names_));
    names_.sort();
    read_keywords();
    return {};
  }

  std::vector<Announced> announce(std::size_t max) override {
    window_.clear();
    at_ = 0;
    std::vector<Announced> all;
    for (; next_ < names_.size() && all.size() < max; ++next_) {
      if (repeats(next_)) continue;
      window_.push_back(next_);
      all.push_back({.fingerprint = fingerprint(names_.base(next_)), .octets = octets_of(next_)});
    }
    return all;
  }

  void pass(std::string_view known) override {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < window_.size() && i < known.size(); ++i)
      if (known[i] == 0) window_[kept++] = window_[i];
    window_.resize(kept);
  }

  Result<bool> next() override {
    file_.reset();
    if (at_ == window_.size()) return false;
    index_ = window_[at_++];
    ended_ = false;
    message_ = Message{};
    message_.place = file_path(names_.name(index_), names_.fresh(index_));
    message_.fingerprint = fingerprint(names_.base(index_));
    describe(names_.name(index_));
    return true;
  }

  Result<std::string_view> read() override {
    if (ended_) return std::string_view();
    if (!file_) {
      auto file = open();
      if (!file) {
        ended_ = true;
        return std::unexpected(std::move(file).error());
      }
      file_ = *std::move(file);
      lines_ = NetworkLines();
      message_.octets = 0;
      // As Dovecot keeps INTERNALDATE.
      message_.received = file_->modified();
    }
    const auto octets = file_->next();
    if (!octets || octets->empty()) ended_ = true;
    if (!octets) return std::unexpected(octets.error());
    const std::string_view lines = lines_.take(*octets);
    message_.octets += lines.size();
    return lines;
  }

  [[nodiscard]] const Message& message() const override { return message_; }

 private:
  /// The same message in new and in cur, while it is moved.
  [[nodiscard]] bool repeats(std::size_t at) const { return at > 0 && names_.base(at) == names_.base(at - 1); }

  [[nodiscard]] std::string file_path(std::string_view name, bool fresh) const {
    return path_ + (fresh ? "/new/" : "/cur/") + std::string(name);
  }

  /// About, without reading it.
  [[nodiscard]] std::uint64_t octets_of(std::size_t at) const {
    const auto parsed = message::parse_maildir_name(names_.name(at));
    if (parsed && parsed->size) return parsed->virtual_size.value_or(*parsed->size);
    struct stat status{};
    const bool there = ::stat(file_path(names_.name(at), names_.fresh(at)).c_str(), &status) == 0;
    return there ? static_cast<std::uint64_t>(status.st_size) : 0;
  }

  Fingerprint fingerprint(std::string_view base) {
    digest_.add(octets(seed_));
    digest_.add_text(base);
    return digest_.finish();
  }

  /// Flags and keywords of a name.
  void describe(std::string_view name) {
    const auto parsed = message::parse_maildir_name(name);
    if (!parsed) return;
    message_.flags = parsed->flags;
    message_.keywords.clear();
    for (const char letter : parsed->keywords) {
      const auto index = static_cast<std::size_t>(letter - 'a');
      if (index < keywords_.size() && !keywords_[index].empty()) message_.keywords.push_back(keywords_[index]);
    }
  }

  /// Under its name, or the one it was given since the folder was listed.
  Result<LocalFile> open() {
    auto file = LocalFile::open(message_.place);
    if (file || errno != ENOENT) return file;
    for (const bool fresh : {false, true}) {
      Names now;
      TRY(list(path_ + (fresh ? "/new" : "/cur"), fresh, now));
      for (std::size_t i = 0; i < now.size(); ++i) {
        if (now.base(i) != names_.base(index_)) continue;
        message_.place = file_path(now.name(i), fresh);
        describe(now.name(i));
        return LocalFile::open(message_.place);
      }
    }
    return file;
  }

  /// Dovecot's: lines of a number and a name; 0 is 'a'.
  void read_keywords() {
    const auto file = LocalFile::open(path_ + "/dovecot-keywords");
    if (!file) return;
    const auto text = file->at(0, kKeywordsFileMax);
    if (!text) return;
    for (std::string_view rest = *text; !rest.empty();) {
      std::string_view line = take_until(rest, '\n');
      const auto number = parse_number<std::uint8_t>(take_until(line, ' '));
      if (!number || *number >= 26) continue;
      if (keywords_.size() <= *number) keywords_.resize(*number + std::size_t{1});
      keywords_[*number] = line;
    }
  }

  std::string path_;
  Fingerprint seed_;
  Names names_;
  std::vector<std::string> keywords_;
  std::size_t next_ = 0;             // that is announced next
  std::vector<std::size_t> window_;  // what is announced, and not passed
  std::size_t at_ = 0;               // of the window
  std::size_t index_ = 0;
  bool ended_ = true;
  std::optional<LocalFile> file_;
  NetworkLines lines_;
  Message message_;
  Fingerprinter digest_;
};

}  // namespace

Result<std::unique_ptr<Reader>> open_maildir(const std::string& path, const Fingerprint& seed) {
  auto source = std::make_unique<MaildirSource>(path, seed);
  TRY(source->begin());
  return source;
}

}  // namespace angarium::transfer
