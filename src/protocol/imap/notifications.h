// What a client asked for by NOTIFY (RFC 5465), and what it has been told of mailboxes that are not selected.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/command/list.h"
#include "protocol/imap/session.h"

namespace angarium::protocol::imap {

/// Since the first NOTIFY of a session; without groups: NOTIFY NONE. One session.
class Notifications {
 public:
  explicit Notifications(NotifyProgram program) : program_(std::move(program)) {}

  /// Events of the selected mailbox, of NotifyEvent.
  [[nodiscard]] std::uint8_t selected_events() const { return selected() == nullptr ? 0 : selected()->events; }
  /// Whether expunges wait for a command that permits them (RFC 5465 §6.1.2).
  [[nodiscard]] bool delayed() const;
  /// What is shown of its new messages; null: nothing.
  [[nodiscard]] const FetchProgram* shown() const;

  /// Begins to watch the account: what it looks like now is known to the client. kNotificationOverflow.
  io::Task<Result<void>> begin(Session& session);
  /// RFC 5465 §3.1: STATUS of what is watched, where the client asked for it.
  io::Task<Result<void>> tell_all(Session& session);
  /// Tells what changed in the account, mailboxes other than the selected one. Costs a look at a bit while nothing did.
  io::ValueOrTask<Result<void>> tell_changes(Session& session);
  /// Whether changes of annotations are told, of any mailbox or the server (RFC 5465 §5.6, §5.7).
  [[nodiscard]] bool wants_annotations() const;
  /// The same of one mailbox; empty: the server.
  [[nodiscard]] bool wants_annotations_of(std::string_view mailbox) const;
  /// The names this session changes itself, which it is not told of (RFC 5465 §5).
  void expect(std::string name);
  /// Messages that this session has put into a mailbox itself: nothing is told of them either.
  void expect_messages(Session& session, const std::string& name, const NumberSet& uids);

 private:
  /// One name of the account as the client knows it.
  struct Known {
    NameRow row;
    std::uint8_t events = 0;
    bool unreadable = false;             ///< listed and wanted, and not to be told of
    std::optional<StatusValues> status;  ///< with events of messages
  };
  using Account = std::map<std::string, Known, std::less<>>;

  [[nodiscard]] const EventGroup* selected() const;
  [[nodiscard]] std::uint8_t events_of(const NameRow& row, const Namespaces& namespaces) const;
  /// The same without what this user may not know of.
  [[nodiscard]] std::uint8_t heard(const NameRow& row, const Namespaces& namespaces) const;
  [[nodiscard]] bool expected(std::string_view name) const;
  io::Task<Result<Account>> look(Session& session, std::vector<NameRow> rows) const;
  io::Task<Result<void>> compare(Session& session);
  /// Names that were told there.
  using Names = std::set<std::string, std::less<>>;
  io::Task<Names> compare_access(Session& session, const Account& now, const command::KnownNames& names);
  void compare_names(Session& session, const Account& now, const command::KnownNames& names, const Names& told);
  void compare_messages(Session& session, std::string_view name, const Known& before, const Known& now) const;
  void overflow(Session& session);

  NotifyProgram program_;
  std::unique_ptr<AccountWatcher> watcher_;
  Account known_;
  Names lost_;  ///< told as not accessible, and not listed any more; kNotifyMailboxesMax at most
  std::vector<std::string> expected_;
  std::map<std::string, std::uint64_t, std::less<>> own_messages_;
};

}  // namespace angarium::protocol::imap
