// A user's own mailboxes and those that others share with them, as one account: the one place where rights are judged
// (RFC 4314 §4), whatever the body behind it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/backend.h"

namespace angarium::protocol::imap {

/// The namespaces of what others share (RFC 2342), the public one where there is a public account. A mailbox of one's
/// own that bears such a name goes before them.
inline constexpr std::string_view kOthersPrefix = "Other Users/";
inline constexpr std::string_view kPublicPrefix = "Public/";

/// Of one session. `neighbours` null: nothing of others is there, as for guests.
class SharingAccount final : public Account, public std::enable_shared_from_this<SharingAccount> {
 public:
  SharingAccount(std::shared_ptr<Account> own, std::unique_ptr<Neighbours> neighbours)
      : own_(std::move(own)), neighbours_(std::move(neighbours)) {}

  io::Task<Result<std::vector<NameRow>>> list() override;
  [[nodiscard]] Namespaces namespaces() const override;
  io::Task<Result<std::string>> create(std::string name, std::uint32_t special_use) override;
  io::Task<Result<void>> remove(std::string name) override;
  io::Task<Result<void>> rename(std::string from, std::string to) override;
  io::Task<Result<void>> subscribe(std::string name, Subscription subscription) override;
  io::Task<Result<StatusValues>> status(std::string name) override;
  io::Task<Result<std::uint64_t>> deleted_octets(std::string name) override;
  io::Task<Result<std::vector<QuotaRoot>>> quota_roots(std::string name) override;
  io::Task<Result<QuotaRoot>> quota(std::string root) override;
  io::Task<Result<std::vector<Annotation>>> annotations(std::string mailbox) override;
  io::Task<Result<void>> annotate(std::string mailbox, std::vector<Annotation> changes) override;
  std::unique_ptr<AnnotationWatch> watch_annotations(io::Event& event) override;
  [[nodiscard]] std::string owner() const override { return own_->owner(); }
  io::Task<Result<Rights>> rights(std::string name) override;
  io::Task<Result<bool>> is_hidden(std::string name) override;
  io::Task<Result<AccessList>> access(std::string name) override;
  io::Task<Result<void>> set_access(std::string name, AccessLine line, AccessChange change) override;
  io::Task<Result<Rights>> always_granted(std::string name, std::string identifier) override;
  io::Task<Result<std::shared_ptr<Mailbox>>> select(std::string name, Access access) override;
  std::unique_ptr<AccountWatcher> watch(io::Event& event) override;
  io::Task<Result<std::unique_ptr<Append>>> append(std::string name) override;
  io::Task<Result<std::unique_ptr<Append>>> replace(std::string name, Replaced replaced) override;
  [[nodiscard]] bool is_user(std::string_view name) const override { return own_->is_user(name); }
  [[nodiscard]] bool is_guest() const override { return own_->is_guest(); }
  io::Task<Result<std::shared_ptr<Account>>> of_user(std::string name) override;
  // Only mailboxes of one's own have keys: a URL is good for what its owner may read, whatever others take back.
  io::Task<Result<std::optional<std::string>>> url_key(std::string mailbox) override;
  io::Task<Result<std::string>> make_url_key(std::string mailbox) override;
  io::Task<Result<void>> remove_url_keys(std::optional<std::string> mailbox) override;

  /// Where a name leads, and what this user may do there.
  struct Place {
    std::shared_ptr<Account> account;
    std::string name;      ///< there
    std::string prefix{};  ///< of a neighbour; empty: one's own
    std::string key{};
    Rights rights = kAllRights;  ///< of one's own it is not asked whether it is there
    Rights above = kAllRights;   ///< on the nearest name above it that is there
    [[nodiscard]] bool own() const { return prefix.empty(); }
    [[nodiscard]] bool may(Rights needed) const { return (rights & needed) == needed; }
  };
  /// EMAILID of a message there, as this user is told it: one id for all copies of a message (RFC 8474 §5.1).
  [[nodiscard]] std::string email_id(std::string_view told, const Place& place) const;
  io::Task<Result<Place>> place(std::string name);
  /// The same of what messages are to go to. kTryCreate where this user could make it.
  io::Task<Result<Place>> target(std::string name);

 private:
  struct Watched;

  io::Task<Result<std::vector<Neighbour>>> neighbours();
  /// Whether a name may be one of others'.
  [[nodiscard]] bool shared(std::string_view name) const;
  /// As its owner calls it: INBOX behind a prefix has no case, too.
  [[nodiscard]] std::string canonical(std::string name) const;
  io::Task<Result<Place>> shared_place(std::string name);
  io::Task<Result<std::string>> identifier(std::string written);

  std::shared_ptr<Account> own_;
  std::unique_ptr<Neighbours> neighbours_;
  std::vector<std::weak_ptr<Watched>> watched_;  ///< owned by the watchers the session holds
};

/// A right is missing: what of the mailbox may be known decides how it is said (RFC 4314 §6).
std::unexpected<Error> missing_right(Rights had);
/// Which flags a user may set (RFC 4314 §4).
KeptFlags permitted_flags(Rights rights);

}  // namespace angarium::protocol::imap
