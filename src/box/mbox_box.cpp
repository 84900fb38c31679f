#include "box/mbox_box.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "base/crc32c.h"
#include "box/box.h"
#include "box/header_anew.h"
#include "delivery/mbox_lock.h"

namespace angarium::box {
namespace {

using delivery::Descriptor;
using message::MboxReader;
using message::MboxStep;

constexpr std::size_t kBlock = 65536;
/// Octets by which the variant is told.
constexpr std::size_t kDetectOctets = std::size_t{1} << 20;

Error cannot(const std::string& what, int number) { return {kHost, what + ": " + strerrordesc_np(number)}; }

Result<std::string> read_at(const Descriptor& file, std::uint64_t at, std::uint64_t count) {
  std::string octets(count, '\0');
  std::size_t have = 0;
  while (have < octets.size()) {
    const ssize_t got = pread(file.get(), octets.data() + have, octets.size() - have, static_cast<off_t>(at + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(cannot("cannot read the box", errno));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  octets.resize(have);
  return octets;
}

Result<std::uint64_t> size_of(const Descriptor& file) {
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return std::unexpected(cannot("cannot look at the box", errno));
  return static_cast<std::uint64_t>(status.st_size);
}

/// The lock file is removed by way of the place, which stays where it is for that.
struct Locked {
  std::unique_ptr<delivery::MboxPlace> place;
  delivery::LockedMbox mbox;
};
Result<Locked> lock(const std::string& path, const Host& here) {
  auto found = delivery::find_mbox(path, here.delivery.files);
  if (!found) return fail(kHost, found.error().words);
  auto place = std::make_unique<delivery::MboxPlace>(*std::move(found));
  auto locked = delivery::lock_mbox(*place, here.delivery);
  if (!locked) return fail(kHost, locked.error().words);
  return Locked{std::move(place), *std::move(locked)};
}

}  // namespace

Result<std::unique_ptr<Box>> MboxBox::open(const std::string& path, const Host& here, Access access) {
  if (::access(path.c_str(), F_OK) != 0) return fail(kNoBox, "no mail in " + path);
  std::unique_ptr<MboxBox> box(new MboxBox(path, here));
  if (access == Access::change && ::access(path.c_str(), W_OK) == 0) {
    const JournalPlaces journal = journal_places(path, here);
    if (has_journal(journal)) {
      auto locked = TRY(lock(path, here));
      TRY(recover(locked.mbox, journal, here.delivery));
    }
  }
  TRY(box->reopen());
  return box;
}

Result<> MboxBox::reopen() {
  const int follow = here_.delivery.own_only ? O_NOFOLLOW : 0;
  file_ = Descriptor(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | follow));
  struct stat status{};
  if (file_.get() < 0 || fstat(file_.get(), &status) != 0) return std::unexpected(cannot(path_, errno));
  if (!S_ISREG(status.st_mode)) return fail(kHost, path_ + " is no file of mail");
  if (here_.delivery.own_only && status.st_uid != geteuid()) return fail(kHost, path_ + " belongs to another user");
  entries_.clear();
  places_.clear();
  keyword_names_.clear();
  base_.reset();
  uid_ = 0;
  is_numbered_ = false;
  begin_ = known_ = 0;
  crc_ = 0;
  message::MboxDetector detector;
  message::MboxInternalData internal;
  const std::string first = TRY(octets_at(0, kDetectOctets));
  detector.feed(first);
  variant_ = detector.variant().value_or(message::MboxVariant::mboxrd);
  internal.feed(first);
  internal.finish();
  begin_ = internal.octets().size();
  crc_ = crc32c(internal.octets());
  known_ = begin_;
  if (internal.base()) take_base(*internal.base());
  return scan(begin_);
}

/// What it does not name are the message's own words, and no keywords to those who read mboxes.
void MboxBox::take_base(const message::MboxBase& base) {
  keyword_names_ = base.keywords;
  keyword_names_.resize(std::min(keyword_names_.size(), kKeywordsMax));
  for (std::string& name : keyword_names_)
    if (name.size() > kMboxKeywordOctetsMax) name = kTakenPlace;
}

Entry MboxBox::entry_of(const message::BoxState& state) const {
  Entry entry;
  for (const std::string& word : state.keywords)
    if (const auto place = find_name(keyword_names_, word)) entry.keywords |= Keywords{1} << *place;
  entry.flags = state.flags;
  if (!find_name(keyword_names_, kForwarded))
    entry.flags = static_cast<message::BoxFlags>(entry.flags & ~message::kBoxPassed);
  entry.flags_there = entry.flags;
  entry.keywords_there = entry.keywords;
  return entry;
}

bool MboxBox::has_other_flags(const Entry& entry) const {
  return ((entry.flags ^ entry.flags_there) & ~message::kBoxPassed) != 0;
}

bool MboxBox::has_other_keywords(const Entry& entry) const {
  const bool passed = ((entry.flags ^ entry.flags_there) & message::kBoxPassed) != 0;
  return entry.keywords != entry.keywords_there || (passed && find_name(keyword_names_, kForwarded));
}

std::vector<std::string> MboxBox::words_of(const Entry& entry) const {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < keyword_names_.size(); ++i) {
    const bool is_set =
        is_forwarded(keyword_names_[i]) ? (entry.flags & message::kBoxPassed) != 0 : (entry.keywords >> i & 1) != 0;
    if (is_set && find_name(keyword_names_, keyword_names_[i]) == i) words.push_back(keyword_names_[i]);
  }
  return words;
}

/// Nothing: its header stays as it is.
std::optional<StateAnew> MboxBox::state_anew(const Entry& entry) const {
  StateAnew anew;
  if (has_other_flags(entry)) anew.flags = entry.flags;
  if (has_other_keywords(entry)) {
    anew.keywords = words_of(entry);
    if (base_)
      std::ranges::copy_if(base_->keywords, std::back_inserter(anew.further_keywords),
                           [this](const std::string& name) { return !find_name(keyword_names_, name); });
  }
  return anew.flags || anew.keywords ? std::optional(std::move(anew)) : std::nullopt;
}

/// Where one more keyword is named, or the message goes that has it.
std::optional<message::MboxBase> MboxBox::base_to_write() const {
  if (!base_) return std::nullopt;
  message::MboxBase base = *base_;
  for (std::size_t i = base.keywords.size(); i < keyword_names_.size(); ++i)
    if (!keyword_names_[i].empty()) base.keywords.push_back(keyword_names_[i]);
  if (base == *base_ && !entries_.front().deleted) return std::nullopt;
  return base;
}

/// Nobody has numbered messages by it: mail that came with such a field, perhaps, which goes with it. Without it no
/// keywords are written.
void MboxBox::drop_base() {
  base_.reset();
  for (Entry& entry : entries_) {
    entry.keywords = entry.keywords_there;
    entry.flags = static_cast<message::BoxFlags>((entry.flags & ~message::kBoxPassed) |
                                                 (entry.flags_there & message::kBoxPassed));
  }
}

Result<std::string> MboxBox::octets_at(std::uint64_t at, std::uint64_t count) const {
  return read_at(file_, at, count);
}

/// Nobody appends while the size is looked at, so that the last message is whole.
Result<> MboxBox::scan(std::uint64_t from) {
  std::uint64_t size = 0;
  if (access(path_.c_str(), W_OK) == 0) {
    const auto locked = TRY(lock(path_, here_));
    size = TRY(size_of(file_));
  } else {
    size = TRY(size_of(file_));
  }
  MboxReader reader({.variant = variant_, .state_told = message::MboxStateTold::by_status}, from);
  std::string block;
  std::string_view input;
  std::uint64_t fed = from;
  std::uint64_t octets = 0;
  std::uint64_t lines = 0;
  for (;;) {
    const MboxStep step = reader.next(input);
    switch (step.kind) {
      case MboxStep::Kind::need_input: {
        block = fed < size ? TRY(octets_at(fed, std::min<std::uint64_t>(kBlock, size - fed))) : std::string();
        crc_ = crc32c(block, crc_);
        fed += block.size();
        input = block;
        if (block.empty()) reader.finish();
        break;
      }
      case MboxStep::Kind::message: TRY(take_message(fed - input.size())); break;
      case MboxStep::Kind::probe: {
        const std::string there = TRY(octets_at(reader.probe_offset(), message::kMboxProbeOctets));
        reader.probed(there);
        break;
      }
      case MboxStep::Kind::octets:
        octets += step.octets.size();
        lines += static_cast<std::uint64_t>(std::ranges::count(step.octets, '\n'));
        break;
      case MboxStep::Kind::message_end:
        if (entries_.empty() && begin_ == 0 && reader.state().base) {
          base_ = reader.state().base;
          take_base(*base_);
          keyword_names_.resize(std::max(keyword_names_.size(), kMboxKeywordsMax));
        }
        if (base_ && reader.state().uid > uid_ && reader.state().uid <= base_->uid_last) {
          is_numbered_ = !entries_.empty();
          uid_ = reader.state().uid;
        }
        entries_.push_back(entry_of(reader.state()));
        entries_.back().octets = std::exchange(octets, 0);
        entries_.back().lines = std::exchange(lines, 0);
        break;
      case MboxStep::Kind::end:
        known_ = fed;
        if (!places_.empty()) places_.back().end = fed;
        return {};
    }
  }
}

/// `text_at`: just behind the separator line.
Result<> MboxBox::take_message(std::uint64_t text_at) {
  if (places_.size() >= kMboxMessagesMax) return fail(kHost, path_ + " has too many messages");
  const std::uint64_t before = std::min<std::uint64_t>(text_at - begin_, message::kMboxSeparatorMax + 3);
  const std::string line = TRY(octets_at(text_at - before, before));
  if (line.size() != before || before < 2) return fail(kChanged, path_ + " was cut while it was read");
  const std::size_t previous = line.rfind('\n', line.size() - 2);
  const std::uint64_t begin = text_at - (previous == std::string::npos ? before : line.size() - previous - 1);
  if (!places_.empty()) places_.back().end = begin;
  places_.push_back({begin, begin});
  return {};
}

Result<std::string> MboxBox::start(std::size_t number, std::size_t max) {
  const Place place = places_[number];
  MboxReader reader({.variant = variant_}, place.begin);
  std::string message;
  std::string block;
  std::string_view input;
  std::uint64_t fed = place.begin;
  while (message.size() < max) {
    const MboxStep step = reader.next(input);
    if (step.kind == MboxStep::Kind::need_input) {
      block = TRY(octets_at(fed, std::min<std::uint64_t>(kBlock, place.end - fed)));
      if (block.empty() && fed < place.end) return fail(kChanged, path_ + " was cut while it was read");
      fed += block.size();
      input = block;
      if (block.empty()) reader.finish();
    } else if (step.kind == MboxStep::Kind::probe) {
      const std::string there = TRY(octets_at(reader.probe_offset(), message::kMboxProbeOctets));
      reader.probed(there);
    } else if (step.kind == MboxStep::Kind::octets) {
      message += step.octets.substr(0, max - message.size());
    } else if (step.kind != MboxStep::Kind::message) {
      break;
    }
  }
  return message;
}

Result<Came> MboxBox::came(std::size_t number) {
  const std::string line = TRY(octets_at(places_[number].begin, message::kMboxSeparatorMax + 2));
  const auto separator = message::parse_mbox_separator(line.substr(0, line.find_first_of("\r\n")));
  return separator ? Came{.sender = separator->sender, .date = separator->date} : Came();
}

Result<std::size_t> MboxBox::look() {
  struct stat named{};
  struct stat opened{};
  if (stat(path_.c_str(), &named) != 0 || fstat(file_.get(), &opened) != 0)
    return fail(kChanged, path_ + " is not there any more");
  const auto size = static_cast<std::uint64_t>(named.st_size);
  if (named.st_ino != opened.st_ino || named.st_dev != opened.st_dev || size < known_)
    return fail(kChanged, path_ + " was written anew by another program");
  const std::size_t before = entries_.size();
  if (size > known_) TRY(scan(known_));
  return entries_.size() - before;
}

/// What the box holds is what was read, and more may follow it.
Result<> MboxBox::check_unchanged(const Descriptor& file, std::uint64_t size) {
  std::uint32_t crc = 0;
  for (std::uint64_t at = 0; at < known_ && size >= known_;) {
    const std::string block = TRY(read_at(file, at, std::min<std::uint64_t>(kBlock, known_ - at)));
    if (block.empty()) break;
    crc = crc32c(block, crc);
    at += block.size();
  }
  if (size < known_ || crc != crc_)
    return fail(kChanged, path_ + " was written anew by another program: nothing is changed there");
  return {};
}

/// The box from its first message that changes on.
class MboxBox::Anew final : public NewOctets {
 public:
  Anew(const MboxBox& box, const Descriptor& file, std::size_t first, std::uint64_t size,
       std::optional<message::MboxBase> base)
      : box_(box), file_(file), number_(first), size_(size), base_(std::move(base)) {}

  Result<std::string_view> next() override {
    for (;;) {
      if (at_ < end_) {
        block_ = TRY(read_at(file_, at_, std::min<std::uint64_t>(kBlock, end_ - at_)));
        if (block_.empty()) return fail(kChanged, "the box became shorter while it was read");
        at_ += block_.size();
        if (!header_) return block_;
        anew_.clear();
        header_->take(block_, anew_);
        if (at_ == end_) header_->finish(anew_);
        if (at_ == end_ || header_->is_over()) header_.reset();
        if (anew_.empty()) continue;
        return anew_;
      }
      if (number_ == box_.places_.size()) {
        // What came in since.
        at_ = std::exchange(tail_, size_);
        end_ = size_;
        if (at_ == end_) return std::string_view();
        continue;
      }
      const std::size_t number = number_++;
      const Entry& entry = box_.entries_[number];
      if (entry.deleted) continue;
      at_ = box_.places_[number].begin;
      end_ = box_.places_[number].end;
      tail_ = box_.known_;
      auto state = box_.state_anew(entry);
      if (base_ && !state) state.emplace();
      if (base_) state->base = std::exchange(base_, std::nullopt);
      if (state) header_.emplace(*std::move(state));
    }
  }

 private:
  const MboxBox& box_;
  const Descriptor& file_;
  std::size_t number_;
  std::uint64_t size_;
  std::uint64_t at_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t tail_ = box_.known_;
  std::optional<message::MboxBase> base_;  ///< for the next message
  std::optional<HeaderAnew> header_;       ///< while it is being read
  std::string block_;
  std::string anew_;
};

Result<> MboxBox::write() {
  const auto changed =
      std::ranges::find_if(entries_, [this](const Entry& entry) { return entry.deleted || state_anew(entry); });
  if (changed == entries_.end()) return {};
  if (base_ && entries_.front().deleted && !is_numbered_) drop_base();
  std::optional<message::MboxBase> base = base_to_write();
  // The first that stays has the base.
  const auto first = base ? std::size_t{0} : static_cast<std::size_t>(changed - entries_.begin());
  {
    auto locked = TRY(lock(path_, here_));
    const JournalPlaces journal = journal_places(path_, here_);
    TRY(recover(locked.mbox, journal, here_.delivery));
    const std::uint64_t size = TRY(size_of(locked.mbox.file));
    TRY(check_unchanged(locked.mbox.file, size));
    Anew anew(*this, locked.mbox.file, first, size, std::move(base));
    TRY(rewrite(locked.mbox, size, places_[first].begin, anew, journal, here_.delivery));
  }
  return reopen();
}

}  // namespace angarium::box
