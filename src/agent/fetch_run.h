// One look at a box of another host: what is new there comes into the account, once.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/services.h"
#include "envelope/delivery_id.h"
#include "fetch/boxes.h"
#include "io/event.h"
#include "sasl/mechanism.h"
#include "wire/connection/connection.h"

namespace angarium::agent {

/// What the server does or lacks so that a person has to look: the box is paused.
inline constexpr ErrorKind kFetchRefused{"fetch.refused", Fault::user, Lasting::permanent};
/// The same, but a server may say so for a while for reasons it does not name: the box is paused when it goes on.
inline constexpr ErrorKind kFetchNotLetIn{"fetch.not-let-in", Fault::user, Lasting::temporary};

/// Something that would pause a box if it was known who said it: the box is looked at again, less and less often.
inline constexpr ErrorKind kFetchUnsure{"fetch.unsure", Fault::dependency, Lasting::temporary};

struct SmtpDesk;

/// What a look works with, and what it counts.
struct FetchRun {
  Services& services;
  fetch::Boxes& boxes;
  fetch::BoxPtr box;
  fetch::Progress progress;
  std::string hostname;  ///< ours
  Duration timeout = std::chrono::minutes(5);
  sasl::Needs has = sasl::Needs::password;
  sasl::Secret secret{};                   ///< the password, or the token; with tickets nothing
  wire::Connection* connection = nullptr;  ///< while there is one
  const SmtpDesk* mx = nullptr;            ///< how mail is taken here; null: it is not
  io::Event stop{};                        ///< ends IDLE, and what is served
  bool stopping = false;
  bool idling = false;
  bool serving = false;  ///< the connection has turned round: it ends by `stop`, between two commands
  std::uint64_t taken = 0;
  /// Something that did not go well, without ending the run: a folder that is not there.
  std::string remark;
  /// All is fetched that was there: the progress is written down while the run goes on.
  std::function<io::Task<>()> caught_up;

  /// Whether to go on: the box was not changed, and nobody stops us.
  [[nodiscard]] bool wanted() const { return !stopping && boxes.current(box->id) == box; }
};

/// Takes one message after the other into the account. begin(), append() as often as it takes, then deliver() or
/// begin() again.
class FetchTaking {
 public:
  explicit FetchTaking(FetchRun& run) : run_(run) {}

  void begin();
  io::ValueOrTask<Result<>> append(std::string_view octets);
  /// Larger than any message may be: the rest of it was dropped.
  [[nodiscard]] bool too_large() const { return too_large_; }
  /// By its newest Received field (RFC 5321 §4.4), if it has one that can be: for servers that do not tell.
  [[nodiscard]] std::optional<mailbox::Received> arrival() const;
  /// Durable when this returns, together with what is put under `key`. Without a date it arrived now. Not for what is
  /// too large.
  io::Task<Result<>> deliver(mailbox::DeliveryTarget target, std::optional<mailbox::Received> date, std::string key,
                             std::string value);
  /// Tells the trace, in words for people, why a message is not taken; which one says `message`.
  void pass_over(std::string_view message, std::string_view why) const;

 private:
  [[nodiscard]] std::string trace_field(envelope::DeliveryId id) const;

  FetchRun& run_;
  std::unique_ptr<mailbox::Intake> intake_;
  std::string header_;  ///< its first kDateOctets
  std::uint64_t octets_ = 0;
  bool too_large_ = false;
};

/// The mailbox that messages go into, where it is not there yet.
io::Task<Result<>> make_mailbox_here(FetchRun& run, std::string name);

/// For a box whose server's certificate is not looked at: the key the server shows has to be that of the first time.
/// Before anything is said that is secret; without TLS there is no key. kFetchRefused.
io::Task<Result<>> check_key(FetchRun& run);

/// What is told to a server of this service ("imap"): name, password or token, or a ticket, which is got now, and for
/// `connection` alone; without TLS under the strongest layer that can be had, the box' own at least. What a login under
/// such a layer may need is weak: see weak_for(). sasl::kUnavailable: there is no ticket.
io::Task<Result<sasl::ClientContext>> fetch_credentials(FetchRun& run, std::string service);
/// Where a layer is wanted, of what a password can have only DIGEST-MD5 has one.
sasl::Choice::Weak weak_for(const fetch::Box& box);
/// What somebody has to look at of what was said before the login: kFetchRefused. Where nothing but a layer says who it
/// is that speaks, anybody may have said it: kFetchUnsure.
Error refused_before_login(const fetch::Box& box, std::string words);
/// A token or a ticket that was refused may be over, and is another one at the next look.
[[nodiscard]] bool may_change(const FetchRun& run);

/// Over `run.connection`, which is new: greeting, TLS, login, all that is new there, farewell. Where the box says so,
/// fetch_imap() then waits for more until it is stopped. Errors: kFetchRefused, kFetchNotLetIn, those of the protocols'
/// clients and of the mailboxes.
io::Task<Result<>> fetch_pop3(FetchRun& run);
io::Task<Result<>> fetch_imap(FetchRun& run);
/// The same up to ATRN; then the provider brings what it holds.
io::Task<Result<>> fetch_odmr(FetchRun& run);

}  // namespace angarium::agent
