// What the program asks of the operating system around its work.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace angarium::program {

inline constexpr ErrorKind kSystem{"program.system", Fault::dependency, Lasting::permanent};

/// Makes the directory (and its parents) with this mode unless it is there.
Result<> make_directory(const std::string& path, unsigned mode);
bool exists(const std::string& path);
/// Whether this process' user owns the path.
bool owns(const std::string& path);

/// Becomes the user for good: groups, gid, uid, and no_new_privs, which each thread has of its own. Call as root,
/// before threads start.
Result<> become(const std::string& user);
/// From now on nothing of this process' memory is written down when it crashes, neither to a file nor to a program that
/// gathers core files (core(5)), and no other process of its user may read it: keys are in it, and passwords and mail.
Result<> leave_no_core_file();
/// As many descriptors as the hard limit gives.
void raise_descriptor_limit();
/// Large blocks go back to the system as soon as they are freed: buffers of messages, and what an Argon2id check takes
/// for some milliseconds (19 MiB), of which each thread of the pool would keep as much for ever. Call before threads
/// start.
void return_large_blocks();

/// sd_notify(3) without its library: does nothing outside systemd.
void notify_service_manager(std::string_view state);
/// Sockets passed by the service manager (sd_listen_fds(3)): descriptors from 3 on.
std::vector<int> passed_sockets();
/// Whether standard error is the journal's.
bool logs_to_journal();

}  // namespace angarium::program
