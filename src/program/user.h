// The user that the server's files belong to and that it runs as: server.user.
#pragma once

#include "base/descriptor.h"
#include "base/result.h"
#include "configuration/configuration.h"

namespace angarium::program {

/// Deeper than this no directory of the store goes; it holds `state` and the segments.
inline constexpr unsigned kStoreDepthMax = 8;

/// As root and with server.user set: makes the data directory and run/ if they are missing, gives them, all that the
/// data directory holds, and the keys in the server's own directory to the user. Only what is root's changes hands:
/// what belongs to a third user, what is no part of a store in the data directory, and symbolic links and files with
/// further names where the user could have made them, are errors. Else it does nothing.
Result<> hand_over(const configuration::Configuration& configuration);

/// Makes the drop folder, in which every user of this host may put mail, and gives it to the server's user.
Result<> make_drop_folder(const configuration::Configuration& configuration);

/// The folder with the files that this server's processes of users lock (cage::Steward::start()); made if it is
/// missing, for the server's user.
Result<Descriptor> open_servants_folder(const configuration::Configuration& configuration);

/// Makes the key that passwords at other hosts are sealed with, if there is none; hand_over(); then becomes the user
/// for good (as become()), and leaves no core file from then on. Call before threads start and before the store is
/// opened.
Result<> become_server_user(const configuration::Configuration& configuration);

/// With server.user set: an error that names the first file which a reload would read and this process now cannot.
Result<> check_readable(const configuration::Configuration& configuration);

}  // namespace angarium::program
