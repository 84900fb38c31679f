// Messages written into an mbox file: first into a part of our own beside it, which then becomes the file, or is
// appended to the file that an earlier export made. A state file tells where each of them stands.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include "base/text.h"
#include "delivery/mbox_lock.h"
#include "message/mbox.h"
#include "transfer/local_file.h"
#include "transfer/out_file.h"
#include "transfer/source.h"
#include "transfer/spool.h"
#include "transfer/target.h"

namespace angarium::transfer {
namespace {

/// Octets after which what is written is made durable, so that a killed export goes on from there.
constexpr std::uint64_t kCheckpoint = 8u << 20;
/// Messages of one mailbox that could not be read; with more of them it is not exported further.
constexpr std::size_t kMissedMax = 1000;
/// Octets of a state: its numbers, and kMissedMax UIDs.
constexpr std::size_t kStateMax = 512 + 11 * kMissedMax;
constexpr std::string_view kMagic = "angarium-export-1";
/// Digits of tag_of().
constexpr std::size_t kTagSize = 16;

struct State {
  enum class Phase : char {
    building = 'b',  ///< the part holds `part` octets for certain, the last message is `last`
    whole = 'w',     ///< the part is whole and becomes, or goes behind, a file of `base` octets
    done = 'd',      ///< the file has `base` octets, there is no part
  };
  Phase phase = Phase::building;
  std::string tag;
  mailbox::Uid last = 0;
  std::uint64_t base = 0;
  std::uint64_t part = 0;
  mailbox::UidSet missed;  ///< of those up to `last`: they are not there
};

std::optional<State> parse_state(std::string_view text) {
  State state;
  if (take_until(text, ' ') != kMagic) return std::nullopt;
  const std::string_view phase = take_until(text, ' ');
  state.tag = take_until(text, ' ');
  const auto last = parse_number<mailbox::Uid>(take_until(text, ' '));
  const auto base = parse_number<std::uint64_t>(take_until(text, ' '));
  std::string_view end = take_until(text, '\n');
  const auto part = parse_number<std::uint64_t>(take_until(end, ' '));
  // The first form had none.
  const auto missed = end.empty() ? Result<mailbox::UidSet>() : mailbox::UidSet::parse(end);
  if (phase.size() != 1 || !std::string_view("bwd").contains(phase[0]) || !last || !base || !part || !missed)
    return std::nullopt;
  state.phase = static_cast<State::Phase>(phase[0]);
  state.last = *last;
  state.base = *base;
  state.part = *part;
  state.missed = *missed;
  return state;
}

std::optional<std::uint64_t> size_of(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

class MboxBox final : public Box {
 public:
  MboxBox(const std::string& path, std::string tag, message::MboxVariant variant)
      : path_(path),
        folder_(path.substr(0, path.rfind('/'))),
        part_path_(path + ".angarium-part"),
        state_path_(folder_ + "/." + path.substr(path.rfind('/') + 1) + ".angarium"),
        variant_(variant) {
    state_.tag = std::move(tag) + std::string(mark_of(variant));
  }

  Result<> look() {
    const bool known = TRY(read_state());
    if (!known && size_of(path_)) return foreign("was not made by an export of this mailbox");
    return check();
  }

  Result<> open() override {
    TRY(make_folders(folder_));
    if (state_.phase == State::Phase::whole) TRY(publish());
    return check();
  }

  Result<mailbox::UidSet> present(const mailbox::UidSet& uids) override {
    if (state_.last == 0) return mailbox::UidSet();
    return difference(uids, difference(uids, difference({{1, state_.last}}, state_.missed)));
  }

  Result<> begin(const MessageHeader& header, std::string_view sender) override {
    TRY(begin_part());
    message_at_ = file_->offset();
    uid_ = static_cast<mailbox::Uid>(header.uid);
    sender_ = sender;
    date_ = message::DateTime::at(WallTime::from_seconds(header.received));
    box_state_ = {};
    box_state_.flags = box_flags_of(header.flags);
    for (const std::string& keyword : header.flags.keywords)
      if (!equals_ignore_case(keyword, "$Forwarded")) box_state_.keywords.push_back(keyword);
    writer_ = message::MboxWriter({.variant = variant_});
    spool_.clear();
    const std::string separator = writer_.begin(sender_, date_, box_state_);
    return has_length() ? Result<>() : file_->write(separator);
  }

  Result<> write(std::string_view octets) override {
    if (has_length()) TRY(spool_.write(octets));
    while (!octets.empty()) {
      const std::string_view given = writer_.take(octets);
      if (!has_length()) TRY(file_->write(given));
    }
    return {};
  }

  Result<> end() override {
    const std::string_view rest = writer_.finish();
    TRY(has_length() ? write_with_length() : file_->write(rest));
    // One that was missed before, or the next.
    state_.missed = difference(state_.missed, {{uid_, uid_}});
    state_.last = std::max(state_.last, uid_);
    return file_->offset() < state_.part + kCheckpoint ? Result<>() : checkpoint(State::Phase::building);
  }

  Result<> abandon() override { return file_->cut(message_at_); }

  Result<> miss(mailbox::Uid uid) override {
    if (!state_.missed.contains(uid) && state_.missed.count() == kMissedMax)
      return fail(kChanged, "too many messages cannot be read; run this again when they can");
    TRY(begin_part());
    state_.missed.add(uid);
    state_.last = std::max(state_.last, uid);
    return {};
  }

  Result<> finish() override {
    // A mailbox without messages is an empty file.
    if (!file_ && state_.phase == State::Phase::done) return {};
    TRY(begin_part());
    TRY(checkpoint(State::Phase::whole));
    file_.reset();
    return publish();
  }

 private:
  /// In the tag of a state: variants do not mix in one file. The first form had mboxrd alone.
  static std::string_view mark_of(message::MboxVariant variant) {
    switch (variant) {
      case message::MboxVariant::mboxo: return "-mboxo";
      case message::MboxVariant::mboxrd: return "";
      case message::MboxVariant::mboxcl: return "-mboxcl";
      case message::MboxVariant::mboxcl2: return "-mboxcl2";
    }
    return "";
  }

  [[nodiscard]] bool has_length() const {
    return variant_ == message::MboxVariant::mboxcl || variant_ == message::MboxVariant::mboxcl2;
  }

  /// The message that was spooled, now that the size of its body in the file is known.
  Result<> write_with_length() {
    message::MboxWriter writer({.variant = variant_});
    TRY(file_->write(writer.begin(sender_, date_, box_state_, writer_.body())));
    for (std::uint64_t at = 0; at < spool_.size();) {
      const std::string octets = TRY(spool_.at(at, kReadOctets));
      at += octets.size();
      for (std::string_view rest = octets; !rest.empty();) TRY(file_->write(writer.take(rest)));
    }
    return file_->write(writer.finish());
  }

  /// That nobody else wrote there.
  Result<> check() {
    if (state_.phase == State::Phase::done) {
      const auto now = size_of(path_);
      // Somebody took the file away: all of it is written anew.
      if (!now)
        state_ = {.tag = state_.tag, .missed = {}};
      else if (*now != state_.base)
        return foreign("was changed since it was exported");
    }
    if (state_.phase == State::Phase::building && state_.base != size_of(path_).value_or(0))
      return foreign("was changed since it was exported");
    return {};
  }

  [[nodiscard]] std::unexpected<Error> foreign(std::string_view why) const {
    return fail(kForeign, escape_controls(path_, 4096) + " " + std::string(why) +
                              ": it is left as it is; move it away, or export to another place");
  }

  Result<bool> read_state() {
    if (!size_of(state_path_)) return false;
    const auto file = TRY(LocalFile::open(state_path_));
    const auto state = parse_state(TRY(file.at(0, kStateMax)));
    if (!state) return foreign("was not made by an export of this mailbox");
    if (state->tag.substr(0, kTagSize) != state_.tag.substr(0, kTagSize))
      return foreign("is the export of another mailbox");
    if (state->tag == state_.tag)
      state_ = *state;
    else if (size_of(path_) || size_of(part_path_))
      return foreign("was exported in another variant of mbox");
    return true;
  }

  Result<> write_state() {
    const std::string fresh = state_path_ + "-new";
    (void)::unlink(fresh.c_str());
    OutFile file = TRY(OutFile::create(fresh));
    const std::string missed = state_.missed.empty() ? "" : " " + state_.missed.text();
    TRY(file.write(fmt::format("{} {} {} {} {} {}{}\n", kMagic, static_cast<char>(state_.phase), state_.tag,
                               state_.last, state_.base, state_.part, missed)));
    TRY(file.sync());
    if (::rename(fresh.c_str(), state_path_.c_str()) != 0)
      return std::unexpected(place_error(errno, "name", state_path_));
    return sync_folder(folder_);
  }

  Result<> begin_part() {
    if (file_) return {};
    if (state_.phase == State::Phase::done) {
      state_.phase = State::Phase::building;
      state_.part = 0;
    }
    const auto there = size_of(part_path_);
    if (there && *there < state_.part) return foreign("lost the part that was being written beside it");
    if (!there && state_.part > 0) return foreign("lost the part that was being written beside it");
    if (!there) {
      // The state first: a part without one is nobody's.
      TRY(write_state());
      file_ = TRY(OutFile::create(part_path_));
    } else if (size_of(state_path_)) {
      file_ = TRY(OutFile::reopen(part_path_, state_.part));
    } else {
      return foreign("has a file of an export beside it of which nobody knows");
    }
    return {};
  }

  Result<> checkpoint(State::Phase phase) {
    TRY(file_->sync());
    state_.part = file_->offset();
    state_.phase = phase;
    return write_state();
  }

  /// The whole part becomes the file, or goes to its end; done again after a kill at any point, it ends the same.
  Result<> publish() {
    const auto size = size_of(path_);
    const auto part = size_of(part_path_);
    if (!part && size == state_.base + state_.part) return done();
    if (!part) return foreign("lost the part that was being written beside it");
    if (state_.base == 0 && !size) {
      if (!TRY(rename_new(part_path_, path_))) return foreign("was made by somebody else meanwhile");
      TRY(sync_folder(folder_));
      return done();
    }
    TRY(append_part());
    (void)::unlink(part_path_.c_str());
    return done();
  }

  Result<> done() {
    state_.phase = State::Phase::done;
    state_.base += state_.part;
    state_.part = 0;
    return write_state();
  }

  template <class T>
  Result<T> taken(delivery::Step<T> step) const {
    if (step) return *std::move(step);
    return fail(step.error().temporary() ? kChanged : kPlace, step.error().words);
  }

  /// Under both locks. What stands behind the old end can be a beginning of the part only.
  Result<> append_part() {
    delivery::Surroundings surroundings;
    std::array<char, 256> host{};
    (void)::gethostname(host.data(), host.size() - 1);
    surroundings.host = host.data();
    surroundings.process = static_cast<std::uint64_t>(::getpid());
    const auto place = TRY(taken(delivery::find_mbox(path_, surroundings.files)));
    const auto locked = TRY(taken(delivery::lock_mbox(place, surroundings)));
    auto part = TRY(LocalFile::open(part_path_));
    part.end_at(state_.part);
    const auto box = TRY(LocalFile::open(path_));
    if (box.size() < state_.base || box.size() > state_.base + state_.part)
      return foreign("was changed since it was exported");
    OutFile out = OutFile::at(locked.file.get(), path_, state_.base);
    for (std::uint64_t at = 0; at < state_.part; at += kReadOctets) {
      const std::string octets = TRY(part.at(at, kReadOctets));
      const std::string there = TRY(box.at(state_.base + at, octets.size()));
      if (!octets.starts_with(there)) return foreign("was changed since it was exported");
      TRY(out.write(octets));
    }
    return out.sync();
  }

  std::string path_;
  std::string folder_;
  std::string part_path_;
  std::string state_path_;
  message::MboxVariant variant_;
  State state_;
  std::optional<OutFile> file_;
  message::MboxWriter writer_;  ///< where a length stands before the body, it only counts
  Spool spool_;
  std::string sender_;
  message::DateTime date_;
  message::BoxState box_state_;
  std::uint64_t message_at_ = 0;
  mailbox::Uid uid_ = 0;
};

}  // namespace

Result<std::unique_ptr<Box>> look_at_mbox(const BoxOwner& owner, const std::string& path,
                                          message::MboxVariant variant) {
  auto box = std::make_unique<MboxBox>(path, tag_of(owner), variant);
  TRY(box->look());
  return box;
}

}  // namespace angarium::transfer
