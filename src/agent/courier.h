// The outbound agent: takes what is due from the queue, brings it where it belongs, and writes down what came of it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/remote.h"
#include "agent/report.h"
#include "agent/services.h"
#include "agent/session_room.h"
#include "agent/site_windows.h"
#include "agent/sorting.h"
#include "agent/way.h"
#include "cage/message.h"
#include "delivery/letter.h"
#include "io/event.h"
#include "queue/queue.h"

namespace angarium::agent {

/// What the courier works under. Never changed once it is made; a reload makes a new one.
struct CourierTerms {
  std::shared_ptr<const RemoteTerms> remote;
  route::TransportMap transports;
  /// Delivers with a user's rights, and blocks meanwhile: for pools. Null: nobody can.
  std::function<delivery::Outcome(const cage::Deliver&, delivery::Octets&)> deliver_as;
  std::shared_ptr<const LocalTerms> local;  ///< null: the host has no names of its own
  ReportTerms reports;
  /// Between two attempts: the first pause, doubled each time up to the longest, a tenth more or less.
  Duration retry_first = std::chrono::minutes(5);
  Duration retry_longest = std::chrono::hours(2);
  std::size_t sessions_max = 200;          ///< of one loop
  std::size_t per_destination_max = 20;    ///< sessions with a destination, and with a site, at most, of one loop
  std::size_t messages_per_session = 100;  ///< then it is closed
};

/// The pause after so many failures in a row.
Duration retry_pause(const CourierTerms& terms, std::uint32_t failures, Random& random);

/// What an SMTP reply to a recipient means for it.
Fate fate_of(const protocol::smtp::Reply& reply, const std::string& remote, WallTime at);

/// One a loop; they share the queue. Made before its loop runs, destroyed after its tasks have ended.
class Courier {
 public:
  using Terms = std::function<std::shared_ptr<const CourierTerms>()>;
  /// `leads`: it also looks what has become due; one of all.
  enum class Rank : std::uint8_t { follows, leads };
  Courier(Services& services, io::Network& network, io::Resolver& resolver, Terms terms, Rank rank);
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;
  ~Courier();

  /// To be spawned on its loop; ends after stop(), when what is under way is done.
  io::Task<> run();
  /// On its loop: nothing new is begun, and Services::targets() stops for all.
  void stop();
  /// On its loop: `connection` has turned round (RFC 2645 §5.3), and the customer is about to greet. All that waits for
  /// these destinations is sent over it, whatever the back-off; what is held, and what its sender wants held back,
  /// stays.
  io::Task<> serve_customer(std::vector<std::string> destinations, wire::Connection& connection);
  /// From any thread: the queue may have something.
  void ring() { bell_.set_from_any_thread(); }

 private:
  struct Worked;  // a destination at work
  /// Of one worker, and the place that is kept for its next one.
  struct Session : std::optional<RemoteSession> {
    using std::optional<RemoteSession>::optional;
    using std::optional<RemoteSession>::operator=;
    SiteWindows::Promise promise;
  };

  // What was in hand when the process crashed (courier_suspects.cpp).
  struct Alone;
  io::Task<> take_suspects();
  io::Task<> set_aside(const queue::InHand::Suspect& suspect, std::vector<queue::Job> jobs);
  io::Task<> serve_alone(std::vector<Alone> all);
  io::Task<> serve_alone(const queue::Job& job);
  [[nodiscard]] queue::InHand::Mark mark(const queue::Job& job);

  // What a customer fetches (courier_customer.cpp).
  io::Task<Result<RemoteSession>> meet_customer(wire::Connection& connection);
  io::Task<> hand_over(const std::string& destination, Session& session);
  /// How many were tried.
  struct Fetching;
  io::Task<std::size_t> hand_over(Fetching& fetching, queue::DeliveryId id, Session& session);

  io::Task<> tick();
  io::Task<> forget_old_keys();
  io::Task<> look();
  io::Task<> close_idle();
  io::Task<> end_overdue();
  io::Task<Result<>> end_one(queue::DeliveryId id);
  io::Task<> work(std::string destination);
  io::Task<> serve(std::string destination);
  /// Why no server was reached, or that a place is to be waited for; then nothing came of it yet. None: it is settled.
  io::Task<std::optional<Unreachable>> attempt(const queue::Job& job, Session& session);

  io::Task<Result<std::vector<Way>>> ways(const queue::Job& job);
  struct Round;  // one attempt, as far as it has come
  io::Task<> by_way(Round& round, const Way& way, std::vector<std::size_t> which, Session& session);
  io::Task<> send(Round& round, const route::Transport& transport, const std::vector<std::size_t>& which,
                  Session& session);
  io::Task<> deliver_to_target(Round& round, const Way& way, const std::string& target,
                               const std::vector<std::size_t>& which);
  io::Task<> deliver_here(Round& round, const std::vector<std::size_t>& which);
  /// Nothing: the store stopped, and only it knows whether the recipient has it. The queue looks; the job is out of
  /// hand.
  io::Task<std::optional<Fate>> deliver_one(const queue::Job& job, const envelope::Recipient& recipient,
                                            std::vector<queue::Addressee> others);
  io::Task<Result<std::vector<queue::Change>>> send_on(const queue::Job& job, const envelope::Recipient& recipient,
                                                       const Sorted& sorted, store::Batch& batch);
  io::Task<bool> get_session(const route::Transport& transport, const std::string& domain, Session& session,
                             std::optional<Unreachable>& why);
  /// The postmaster hears that a relay does not take our login, or wants one; once a day.
  io::Task<> tell_of_login(const route::Relay& relay, std::string words);
  void put_by(Session& session);
  static void note_opened();
  void drop(Session& session);
  void close(RemoteSession& session);
  io::Task<bool> make_room();

  // Sites (courier_sites.cpp).
  io::Task<> wait_for(std::string site, std::vector<std::string> hosts, Session& session);
  io::Task<bool> yield_place(Session& session, Worked& worked);
  bool take_idle(const RemotePlan& plan, Session& session);
  void make_room(const std::string& site);
  void blame(const std::string& domain, const std::string& site, const std::vector<std::string>& hosts,
             Unreachable& why);

  /// tell_sender() by the terms of now.
  io::Task<Result<std::optional<queue::Change>>> report(queue::EntryPtr entry, std::vector<Reported> recipients,
                                                        store::Batch& batch);
  /// The newest that is known of why a recipient has not got it yet.
  queue::Trouble last_words(const queue::Consignment& consignment, const queue::Addressee& addressee);
  io::Task<> conclude(Round& round);
  io::Task<> unreachable(const queue::Job& job, Unreachable why);
  /// False when nobody knows (the store stopped), or the server ends before the store takes it.
  io::Task<bool> commit_until_durable(std::function<io::Task<Result<std::vector<queue::Change>>>(store::Batch&)> fill,
                                      std::string what);
  [[nodiscard]] WallTime now() const;

  Services& services_;
  Remote remote_;
  Terms terms_;
  Rank rank_;
  bool stopping_ = false;
  io::Event bell_;
  std::size_t tasks_ = 0;  ///< workers that run
  std::map<std::string, std::shared_ptr<Worked>> worked_;
  struct Idle {
    RemoteSession session;
    Moment since;
  };
  std::multimap<std::string, Idle> idle_;  ///< by site
  SessionRoom room_;                       ///< open sessions, idle ones too, and those that are being opened
  SiteWindows windows_;
  std::size_t waiting_ = 0;  ///< workers that wait for a site
  Moment next_overdue_{};
  Moment next_forgetting_{};
};

}  // namespace angarium::agent
