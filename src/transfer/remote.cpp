#include "transfer/remote.h"

#include <algorithm>
#include <unordered_map>

#include "base/text.h"
#include "store/octets.h"
#include "transfer/arrival.h"
#include "transfer/remote_session.h"

namespace angarium::transfer {
namespace {

namespace imap = protocol::imap;
using Kind = RemoteEvent::Kind;

/// Messages that are asked for at once where none are announced.
constexpr std::size_t kWindow = kKnownMax;

message::BoxFlags box_flags(imap::Flags flags) {
  struct Pair {
    imap::Flags there;
    message::BoxFlags here;
  };
  constexpr std::array<Pair, 5> kPairs = {{{imap::kSeen, message::kBoxSeen},
                                           {imap::kAnswered, message::kBoxAnswered},
                                           {imap::kFlagged, message::kBoxFlagged},
                                           {imap::kDraft, message::kBoxDraft},
                                           {imap::kDeleted, message::kBoxDeleted}}};
  message::BoxFlags all = 0;
  for (const Pair& pair : kPairs)
    if ((flags & pair.there) != 0) all |= pair.here;
  return all;
}

/// Messages of one folder. They go by their UIDs; by their octets where UIDs do not last.
class RemoteReader final : public Reader {
 public:
  RemoteReader(RemoteSession& session, std::string name, RemoteFolder folder, const Fingerprint& seed)
      : session_(session),
        name_(escape_controls(name, 1000)),
        folder_(std::move(folder)),
        seed_(seed),
        by_octets_(folder_.uid_validity == 0) {}

  [[nodiscard]] std::optional<Epoch> epoch() const override {
    if (folder_.uid_validity == 0) return std::nullopt;
    return Epoch{.begun = name("begun", 0), .current = name("epoch", folder_.uid_validity)};
  }

  void name_by_octets() override { by_octets_ = true; }

  std::vector<Announced> announce(std::size_t max) override {
    std::vector<Announced> all;
    if (folder_.uid_validity == 0) return all;
    take_window(max);
    for (std::size_t i = begin_; i < end_; ++i)
      all.push_back({.fingerprint = by_uid(folder_.messages[i].uid), .octets = folder_.messages[i].octets});
    return all;
  }

  void pass(std::string_view known) override { known_ = known; }

  Result<bool> next() override {
    while (in_message_) {
      if (TRY(read()).empty()) break;
    }
    while (true) {
      if (failure_) return std::unexpected(*failure_);
      if (!asked_ && !ask()) return false;
      RemoteEvent event = session_.take();
      if (event.kind == Kind::over) {
        asked_ = false;
        begin_ = end_;
      } else if (event.kind == Kind::failed) {
        failure_ = std::move(event.error);
      } else if (event.kind == Kind::begin || event.kind == Kind::unreadable) {
        begin_message(std::move(event));
        return true;
      }
    }
  }

  Result<std::string_view> read() override {
    if (!in_message_) return std::string_view();
    if (refusal_) {
      in_message_ = false;
      return fail(kPlace, *std::exchange(refusal_, std::nullopt));
    }
    RemoteEvent event = session_.take();
    switch (event.kind) {
      case Kind::octets:
        piece_ = std::move(event.octets);
        if (piece_.empty()) return read();
        digest_.add(piece_);
        message_.octets += piece_.size();
        if (!message_.received && header_.size() < kDateOctets)
          header_ += std::string_view(piece_).substr(0, kDateOctets - header_.size());
        return std::string_view(piece_);
      case Kind::end:
        in_message_ = false;
        end_message(event.told);
        return std::string_view();
      default:
        in_message_ = false;
        failure_ = event.error ? std::move(*event.error) : Error(kBroken, "a message without an end");
        return std::unexpected(*failure_);
    }
  }

  [[nodiscard]] const Message& message() const override { return message_; }

 private:
  void take_window(std::size_t max) {
    begin_ = end_;
    end_ = std::min(folder_.messages.size(), begin_ + max);
    known_.clear();
  }

  /// Asks for what is left of the window; false when that is nothing.
  bool ask() {
    if (begin_ == end_ && folder_.uid_validity == 0) take_window(kWindow);
    std::vector<std::uint32_t> wanted;
    for (std::size_t i = begin_; i < end_; ++i)
      if (i - begin_ >= known_.size() || known_[i - begin_] == 0) wanted.push_back(folder_.messages[i].uid);
    if (wanted.empty()) {
      begin_ = end_;
      return false;
    }
    session_.fetch(folder_.messages, std::move(wanted));
    asked_ = true;
    return true;
  }

  void begin_message(RemoteEvent event) {
    in_message_ = true;
    message_ = Message{};
    header_.clear();
    message_.place = name_;
    if (event.told.uid) message_.place += ", message with the UID " + std::to_string(*event.told.uid);
    if (event.kind == Kind::unreadable) refusal_ = std::move(event.octets);
    describe(event.told);
  }

  void describe(const imap::FetchResponse& told) {
    if (told.flags) {
      message_.flags = box_flags(told.flags->system);
      message_.keywords = told.flags->keywords;
    }
    if (!told.internal_date) return;
    message_.received = told.internal_date->seconds();
    message_.zone_minutes = told.internal_zone_minutes;
  }

  /// The same octets for the n-th time are another message than for the first.
  void end_message(const imap::FetchResponse& told) {
    describe(told);
    const Fingerprint content = digest_.finish();
    const std::uint32_t before = seen_[store::load_u64(content.data())]++;
    digest_.add(octets(seed_));
    digest_.add(octets(content));
    digest_.add_text(std::to_string(before));
    message_.fingerprint = digest_.finish();
    if (folder_.uid_validity != 0) {
      message_.also.push_back(by_uid(*told.uid));
      if (!by_octets_) std::swap(message_.fingerprint, message_.also.front());
    }
    if (message_.received) return;
    if (const auto date = arrival_in(header_)) {
      message_.received = date->instant().seconds();
      message_.zone_minutes = date->zone_unknown ? 0 : date->zone_minutes;
    }
  }

  [[nodiscard]] Fingerprint by_uid(std::uint32_t uid) const {
    return name("uid", std::uint64_t{folder_.uid_validity} << 32 | uid);
  }

  [[nodiscard]] Fingerprint name(std::string_view what, std::uint64_t number) const {
    names_.add(octets(seed_));
    names_.add_text(what);
    names_.add_text(std::to_string(number));
    return names_.finish();
  }

  RemoteSession& session_;
  std::string name_;
  RemoteFolder folder_;
  Fingerprint seed_;
  bool by_octets_;
  std::size_t begin_ = 0;  // the window
  std::size_t end_ = 0;
  std::string known_;  // of the window's messages
  bool asked_ = false;
  bool in_message_ = false;
  std::optional<std::string> refusal_;
  std::optional<Error> failure_;
  std::string piece_;
  std::string header_;
  Message message_;
  Fingerprinter digest_;
  mutable Fingerprinter names_;
  std::unordered_map<std::uint64_t, std::uint32_t> seen_;
};

}  // namespace

RemoteBox::RemoteBox(std::unique_ptr<RemoteSession> session) : session_(std::move(session)) {}
RemoteBox::~RemoteBox() = default;

Result<std::unique_ptr<RemoteBox>> RemoteBox::enter(io::Loop& loop, std::unique_ptr<wire::Connection> connection,
                                                    RemoteOptions options) {
  auto session = std::make_unique<RemoteSession>(loop, std::move(connection), std::move(options));
  TRY(session->enter());
  return std::unique_ptr<RemoteBox>(new RemoteBox(std::move(session)));
}

Result<Found> RemoteBox::find() { return session_->find(); }

Result<std::unique_ptr<Reader>> RemoteBox::open(const Folder& folder, const Fingerprint& seed) {
  if (session_->fetching()) return fail(kBroken, "a folder is left before it was read");
  auto selected = TRY(session_->select(folder.there));
  return std::make_unique<RemoteReader>(*session_, folder.there, std::move(selected), seed);
}

}  // namespace angarium::transfer
