// What is known of other hosts in this process: which were reached, which were not, and which site a destination has.
// Several hosts of one provider are one site (route/site.h). Nothing of it is kept beyond the process.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "queue/types.h"

namespace angarium::agent {

/// Shared by all loops; any thread may call anything.
///
/// What fails is a connection: nobody answers, the greeting is 4yz or 5yz, TLS that was asked for does not come about.
/// - A host that failed has a pause. A domain all of whose hosts have one is put off without a connection.
/// - When so many hosts of a site (kHostsOfTrouble) failed in a row, with none reached in between, the site has a
/// pause:
///   all domains are put off whose hosts nobody knows, too. Not those with a host that was reached when it was last
///   tried: a domain that names dead hosts of a provider as its own cannot hold up that provider's mail.
/// - A host that is reached ends its pause and the site's.
class Sites {
 public:
  static constexpr std::size_t kHostsOfTrouble = 3;
  /// What is remembered: beyond it, first what has no pause is forgotten, then all.
  static constexpr std::size_t kSitesMax = 10'000;
  static constexpr std::size_t kHostsMax = 1'000;  ///< of one site
  static constexpr std::size_t kDestinationsMax = 20'000;

  struct PutOff {
    Duration rest{};  ///< from now on
    queue::Trouble trouble;
  };
  /// Why nothing is to be tried at these hosts now.
  std::optional<PutOff> put_off(std::string_view site, const std::vector<std::string>& hosts, Moment now);
  /// Nothing is known to be well at the site: one session at a time finds out.
  bool troubled(std::string_view site);
  void reached(std::string_view site, const std::string& host);
  /// None of the hosts was reached. `pause`: the next one after so many failures in a row, of the host, whoever's mail
  /// it was. How long the first of them is left alone. While a pause lasts, another failure does not make it longer.
  Duration failed(const std::string& site, const std::vector<std::string>& hosts, const queue::Trouble& trouble,
                  Moment now, const std::function<Duration(std::uint32_t)>& pause);
  /// Somebody wants this destination tried: the pauses of its site end; of all, where its site is not known.
  void end_pauses(const std::string& destination);

  /// The route of a destination was found.
  void learn(const std::string& destination, const std::string& site);
  /// As far as it is known; empty: nothing was sent there lately.
  std::string site_of(const std::string& destination);

 private:
  struct Host {
    std::uint32_t failures = 0;  ///< in a row; 0: it was reached
    Moment until;
    queue::Trouble trouble;
  };
  struct Site {
    std::map<std::string, Host> hosts;
    std::set<std::string> in_a_row;  ///< hosts that failed since one was reached
    std::uint32_t failures = 0;      ///< pauses of the site in a row
    Moment until;
    queue::Trouble trouble;
    [[nodiscard]] bool rests(Moment now) const;
  };
  void make_room(Moment now);

  std::mutex mutex_;
  std::map<std::string, Site, std::less<>> sites_;
  std::unordered_map<std::string, std::string> site_of_;
};

}  // namespace angarium::agent
