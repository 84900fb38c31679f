// Takes in what users of this host have put into the drop folder: src/drop/README.md says why each message comes in
// once.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "agent/services.h"
#include "agent/terms.h"
#include "agent/transaction.h"
#include "control/server.h"
#include "drop/folder.h"

namespace angarium::agent {

/// All keys of what was taken in and is not yet removed begin with this octet; the name of the file follows.
inline constexpr char kDropKeyOctet = 'd';

/// On one loop, that of the control socket.
class Collector {
 public:
  using TermsInUse = std::function<std::shared_ptr<const Terms>()>;

  Collector(Services& services, TermsInUse terms, std::string folder);

  /// Looks into the folder at once and then every few seconds, until stop(); at most a second after it.
  io::Task<> run();
  /// From any thread.
  void stop() { stopped_ = true; }

  /// Takes this file now, for the user who put it there, root or the server's own. Exit codes of sysexits.h: 0 also
  /// when it stays for later.
  io::Task<control::Reply> take_for(std::string name, control::Caller caller);
  /// Tells what would become of a message to this address. 0, or 67: nobody would get it.
  io::Task<control::Reply> verify(std::string address);

 private:
  io::Task<> look();
  io::Task<Result<>> take(std::string name, std::optional<control::Caller> caller);
  io::Task<Result<>> take_new(drop::Reader& reader, const std::string& mark);
  io::Task<Result<>> take_envelope(SmtpSession& session, const drop::Note& note, std::uint64_t size,
                                   const std::string& origin);
  static io::Task<Result<protocol::smtp::Outcome>> take_body(Services& services, SmtpSession& session,
                                                             drop::Reader& reader);
  io::Task<Result<>> finish(std::string name, std::string mark);
  io::Task<> settle(std::string name, Error error);

  /// When a file that could not be taken is tried again.
  struct Later {
    Moment at;
    Duration pause;
  };

  Services& services_;
  TermsInUse terms_;
  std::string folder_;
  std::atomic<bool> stopped_ = false;
  std::set<std::string> in_hand_;
  std::map<std::string, Later> later_;
};

/// The handler of the control socket: mail.take and mail.verify, which any user may ask, are the collector's, the rest
/// is `others`'.
control::Handler collection(Collector& collector, control::Handler others);

}  // namespace angarium::agent
