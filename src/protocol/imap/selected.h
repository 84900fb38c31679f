// What one session has been told of its mailbox: numbers change only when it is told (RFC 9051 §2.3.1.2, §7.5.1).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "io/event.h"
#include "protocol/imap/backend.h"

namespace angarium::protocol::imap {

class Contexts;

enum class Addressing { sequence, uid };

/// A message as the session numbers it.
struct Target {
  std::uint32_t sequence = 0;
  bool ghost = false;  ///< expunged, and the session was not yet told
  Entry entry;
};

/// What came out of adopting a newer view.
struct News {
  std::vector<Target> changed;  ///< flags or MODSEQ; numbered as the session numbers
  bool arrived = false;         ///< EXISTS is due
  bool newer = false;           ///< there was a newer view at all
};

/// The session's numbering over a shared view: the view itself and, until they are told, ghosts of what was expunged.
/// Memory while nothing is untold: a few words and what the recent set needs. One session, one loop.
class Selected {
 public:
  Selected(std::shared_ptr<Mailbox> mailbox, std::shared_ptr<const View> view, io::Event& changed);
  ~Selected();

  [[nodiscard]] Mailbox& mailbox() const { return *mailbox_; }
  [[nodiscard]] const View& view() const { return *view_; }
  /// The same, for who needs it after a newer one was adopted.
  [[nodiscard]] std::shared_ptr<const View> held_view() const { return view_; }
  [[nodiscard]] const MailboxFacts& facts() const { return mailbox_->facts(); }
  [[nodiscard]] bool read_only() const { return facts().access == Access::read_only; }
  [[nodiscard]] bool may(Rights needed) const { return (mailbox_->rights() & needed) == needed; }
  /// The flags that can be changed for good, as rights.
  [[nodiscard]] Rights flag_rights() const {
    return read_only() ? Rights{0} : static_cast<Rights>(mailbox_->rights() & kFlagRights);
  }

  /// Messages as the session counts them.
  [[nodiscard]] std::uint32_t exists() const { return static_cast<std::uint32_t>(view_->size() + ghosts_.size()); }
  [[nodiscard]] std::uint32_t max_uid() const;

  /// Adopts the mailbox's newest view. What was expunged becomes ghosts; numbers stay. Nothing for no news.
  /// False in `alive` when the mailbox is gone.
  News adopt(bool& alive);
  [[nodiscard]] bool has_ghosts() const { return !ghosts_.empty(); }
  /// With ghosts: the mailbox's mod-sequence of before the first of them was expunged.
  [[nodiscard]] std::uint64_t modseq_before_ghosts() const { return modseq_before_ghosts_; }
  [[nodiscard]] NumberSet ghost_uids() const;
  /// Sequence numbers and UIDs to be told, then forgotten: numbers close up.
  std::vector<Target> take_ghosts();

  /// UIDs or sequence numbers of a set as written. kSyntax when a sequence number is not there; "$" becomes UIDs.
  struct Resolved {
    NumberSet numbers;
    Addressing addressing = Addressing::sequence;
  };
  [[nodiscard]] Result<Resolved> resolve(const SequenceSet& set, Addressing addressing) const;
  /// The same, passing over sequence numbers that are not there (RFC 7377 §2).
  [[nodiscard]] Resolved resolve_there(const SequenceSet& set, Addressing addressing) const;
  /// The UIDs of what is there among the resolved; ghosts are left out, `ghosts` tells whether there were any.
  [[nodiscard]] NumberSet uids(const Resolved& resolved, bool& ghosts) const;
  [[nodiscard]] std::optional<Target> find(std::uint32_t uid) const;
  /// The session's number of a message that is there, or is a ghost.
  [[nodiscard]] std::uint32_t number_of(std::uint32_t uid) const {
    return static_cast<std::uint32_t>(told_lower_bound(uid) + 1);
  }
  /// The session's number for place `index` of the view.
  [[nodiscard]] std::uint32_t sequence_of(std::size_t index) const;

  /// UIDs that are \Recent here.
  [[nodiscard]] const NumberSet& recent() const { return recent_; }
  [[nodiscard]] Flags flags_of(const Entry& entry) const {
    return recent_.contains(entry.uid) ? static_cast<Flags>(entry.flags | kRecent) : entry.flags;
  }
  [[nodiscard]] std::uint32_t recent_count() const;

  /// RFC 5182: UIDs of the last SEARCH RETURN (SAVE).
  NumberSet saved;
  /// RFC 5267: searches that are kept up to date; null: none.
  std::unique_ptr<Contexts> contexts;
  /// Messages from here on have not been shown as NOTIFY asks for (RFC 5465 §5.2); those the session made are not.
  std::uint32_t show_from = 0;
  NumberSet own;
  /// UrlKeyState::removed, as far as the client was told.
  std::uint64_t url_keys_removed = 0;
  /// Keywords the client has been told of in FLAGS.
  std::size_t keywords_told = 0;
  /// Of PERMANENTFLAGS as the client was told last.
  Rights flag_rights_told = 0;

 private:
  friend class Cursor;
  struct Ghost {
    std::uint32_t index;  ///< sequence number - 1
    Entry entry;
  };
  /// Entries from the session's place `told` on.
  std::size_t read(std::size_t told, std::span<Target> into) const;
  [[nodiscard]] std::size_t told_lower_bound(std::uint32_t uid) const;
  [[nodiscard]] std::size_t ghosts_before(std::size_t told) const;
  void bury(const std::vector<Entry>& expunged);
  void claim_recent();

  std::shared_ptr<Mailbox> mailbox_;
  std::shared_ptr<const View> view_;
  std::unique_ptr<Watcher> watcher_;
  std::vector<Ghost> ghosts_;
  std::uint64_t modseq_before_ghosts_ = 0;
  NumberSet recent_;
};

/// Walks over the messages of a resolved set in ascending order, batch by batch. It holds numbers only, so that the
/// session may adopt views between batches, but not tell of expunges.
class Cursor {
 public:
  static constexpr std::size_t kBatch = 64;

  Cursor(const Selected& selected, Selected::Resolved resolved) : selected_(selected), resolved_(std::move(resolved)) {}
  /// The next messages; empty at the end. Valid until the next call.
  std::span<Target> next();
  /// The same messages again, as they are now.
  std::span<Target> again();

 private:
  std::span<Target> read();

  const Selected& selected_;
  Selected::Resolved resolved_;
  std::size_t range_ = 0;
  std::uint64_t number_ = 0;  ///< next number of the range; 0: its first
  std::size_t before_range_ = 0;
  std::uint64_t before_number_ = 0;
  std::vector<Target> batch_;
};

}  // namespace angarium::protocol::imap
