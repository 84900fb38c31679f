#include "location/open_box.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "message/maildir_name.h"
#include "transfer/fingerprint.h"

namespace angarium::location {
namespace {

/// Times of files are looked at by the clock that set them, and go in steps.
constexpr std::int64_t kFresh_ns = 1'000'000'000;

Error trouble(const Error& error) { return {kTrouble, error.text()}; }

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000LL + time.tv_nsec; }

/// Lines without their ends, one after the other.
std::string_view take_line(std::string_view& text) {
  std::string_view line = take_until(text, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// "From " behind any number of marks.
std::string_view without_marks(std::string_view line) {
  const std::size_t marks = std::min(line.find_first_not_of('>'), line.size());
  return line.substr(marks).starts_with("From ") ? line.substr(marks) : line;
}

/// The sender that the message itself names in its first field.
envelope::ReversePath sender_of(std::string_view octets) {
  constexpr std::string_view kField = "Return-Path:";
  const std::string_view line = take_line(octets);
  if (!starts_with_ignore_case(line, kField)) return {};
  return envelope::parse_reverse_path(trim(line.substr(kField.size()))).value_or(envelope::ReversePath());
}

/// Names may be written behind the letters that they name. By the time of its change: its other one is set at will, by
/// us, too.
void stamp_table(const std::string& maildir, Stamp& stamp) {
  struct stat status{};
  if (::stat((maildir + "/dovecot-keywords").c_str(), &status) == 0) {
    stamp.table_inode = status.st_ino;
    stamp.table_ns = nanoseconds(status.st_ctim);
  }
  stamp.numbered = ::stat((maildir + "/dovecot-uidlist").c_str(), &status) == 0;
}

}  // namespace

std::string content_name(std::string_view message) {
  transfer::Fingerprinter digest;
  bool in_header = true;
  bool dropping = false;
  while (!message.empty()) {
    const std::string_view line = take_line(message);
    if (in_header && !line.empty() && !is_wsp(line.front()))
      dropping = message::match_box_field(line.substr(0, line.find(':') + 1)).field.has_value();
    if (line.empty()) in_header = dropping = false;
    if (dropping) continue;
    digest.add(in_header ? line : without_marks(line));
    digest.add("\n");
  }
  return to_hex(transfer::octets(digest.finish()));
}

Result<Stamp> stamp_of(const Location& location, const std::string& path, const Clock& clock) {
  Stamp stamp;
  struct stat status{};
  const bool maildir = location.form == Location::Form::maildir;
  const std::string folder = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
  if (::stat((maildir ? path + "/cur" : path).c_str(), &status) != 0) {
    if (maildir || errno != ENOENT || ::stat(folder.c_str(), &status) != 0)
      return fail(kTrouble, path + ": " + strerrordesc_np(errno));
    stamp.missing = true;
    stamp.identity = std::uint64_t{status.st_dev} << 32 ^ status.st_ino;
    return stamp;
  }
  stamp.size = maildir ? 0 : static_cast<std::uint64_t>(status.st_size);
  stamp.inode = status.st_ino;
  const std::uint64_t disk = status.st_dev;
  stamp.written_ns = nanoseconds(status.st_mtim);
  if (maildir) {
    if (::stat((path + "/new").c_str(), &status) != 0) return fail(kTrouble, path + ": " + strerrordesc_np(errno));
    stamp.named_ns = nanoseconds(status.st_mtim);
    stamp_table(path, stamp);
  }
  if (::stat(folder.c_str(), &status) != 0) return fail(kTrouble, path + ": " + strerrordesc_np(errno));
  stamp.identity = disk << 32 ^ status.st_ino;
  const std::int64_t now_ns = clock.wall().seconds() * 1'000'000'000LL;
  stamp.settled = now_ns - std::max({stamp.written_ns, stamp.named_ns, stamp.table_ns}) > kFresh_ns;
  return stamp;
}

namespace {

class BoxHere final : public OpenBox {
 public:
  explicit BoxHere(std::unique_ptr<box::Box> box) : box_(std::move(box)) {
    all_ = box_->size();
    keyword_names_ = box_->keyword_names();
    box::Keywords used = 0;
    for (std::size_t i = 0; i < box_->size(); ++i) used |= box_->at(i).keywords;
    for (std::size_t i = 0; i < keyword_names_.size(); ++i)
      if (keyword_names_[i].empty() && (used >> i & 1) != 0) keyword_names_[i] = box::kTakenPlace;
  }

  Result<> name_messages() {
    for (std::size_t i = 0; i < box_->size(); ++i) {
      if (box_->at(i).octets > kMessageMax) continue;
      std::string name(box_->name(i));
      if (name.empty()) {
        const auto octets = box_->read(i, kMessageMax);
        // Whoever can't be read is not gone: nothing is concluded from a box that isn't whole.
        if (!octets) return std::unexpected(trouble(octets.error()));
        name = content_name(*octets);
      }
      messages_.push_back({std::move(name), box_->at(i).flags | box_->at(i).keywords << kKeywordShift});
      numbers_.push_back(i);
    }
    return {};
  }

  Result<std::string> read(std::size_t index) override {
    auto octets = box_->read(numbers_[index], kMessageMax);
    if (!octets) return std::unexpected(trouble(octets.error()));
    // Others write an mbox anew in its place: what lies where the message lay may be another by now.
    if (box_->name(numbers_[index]).empty() && content_name(*octets) != messages_[index].name)
      return fail(kTrouble, box_->path() + " was written anew while it was read");
    return octets;
  }

  Result<std::optional<message::DateTime>> received(std::size_t index) override {
    const auto came = box_->came(numbers_[index]);
    return came ? came->date : std::nullopt;
  }

  Result<> change(const std::vector<std::size_t>& removed, const Marks& marked, const KeywordNames& names) override {
    if (!names.empty()) TRY(give_names(names));
    const box::Keywords shared = shared_keywords(box_->keyword_names()) >> kKeywordShift;
    for (const std::size_t index : removed) box_->at(numbers_[index]).deleted = true;
    for (const auto& [index, flags] : marked) {
      box::Entry& entry = box_->at(numbers_[index]);
      // A reader here has it in its list now.
      entry.flags =
          static_cast<message::BoxFlags>((entry.flags & ~kSharedFlags) | (flags & kSharedFlags) | message::kBoxOld);
      if (!names.empty()) entry.keywords = (entry.keywords & ~shared) | (flags >> kKeywordShift & shared);
    }
    const auto written = box_->write();
    return written ? Result<>() : std::unexpected(trouble(written.error()));
  }

 private:
  Result<> give_names(KeywordNames names) {
    for (std::size_t i = 0; i < keyword_names_.size(); ++i) {
      const bool kept = i < names.size() && (keyword_names_[i].empty() || names[i] == keyword_names_[i]);
      if (!kept) return fail(kTrouble, box_->path() + " has other names of keywords");
      if (names[i] == box::kTakenPlace) names[i].clear();
    }
    if (names.size() != keyword_names_.size()) return fail(kTrouble, box_->path() + " has no room for more keywords");
    box_->name_keywords(std::move(names));
    return {};
  }

  std::unique_ptr<box::Box> box_;
  std::vector<std::size_t> numbers_;  ///< of the messages, in the box
};

}  // namespace

Result<std::shared_ptr<OpenBox>> open_here(const std::string& path, const box::Host& host) {
  auto opened = box::open_box(path, host, box::Access::change);
  if (!opened) return std::unexpected(trouble(opened.error()));
  auto box = std::make_shared<BoxHere>(*std::move(opened));
  TRY(box->name_messages());
  return box;
}

Result<There> add_message(const Location& location, const std::string& path, const NewMessage& message,
                          const delivery::Surroundings& surroundings) {
  delivery::OctetsInMemory octets(message.octets);
  const auto flags = static_cast<message::BoxFlags>(message.flags & kSharedFlags & ~message::kBoxPassed);
  message::BoxState state;
  state.flags = flags;
  delivery::Letter letter{.reverse_path = sender_of(message.octets),
                          .recipient = {},
                          .extension = {},
                          .received = message.received,
                          .fields = {},
                          .message = octets,
                          .state = state};
  const bool maildir = location.form == Location::Form::maildir;
  const delivery::Outcome outcome =
      maildir ? delivery::deliver(delivery::MaildirTarget{path}, std::move(letter), surroundings)
              : delivery::deliver(delivery::MboxTarget{path}, std::move(letter), surroundings);
  if (!outcome.delivered()) return fail(kTrouble, outcome.words);
  if (!maildir) return There{content_name(message.octets), flags};
  const std::string& file = outcome.words;
  const std::string name = file.substr(file.rfind('/') + 1);
  const timespec time{.tv_sec = message.received.seconds(), .tv_nsec = 0};
  const std::array<timespec, 2> times{time, time};
  // The date is a service to other readers; nothing depends on it.
  (void)::utimensat(AT_FDCWD, file.c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
  if (flags == 0) return There{name, 0};
  const std::string marked = path + "/cur/" + message::format_maildir_name(name, flags);
  // Where somebody was quicker and has moved it, the next comparison marks it.
  const bool done = ::renameat2(AT_FDCWD, file.c_str(), AT_FDCWD, marked.c_str(), RENAME_NOREPLACE) == 0;
  return There{name, done ? flags : message::BoxFlags{0}};
}

}  // namespace angarium::location
