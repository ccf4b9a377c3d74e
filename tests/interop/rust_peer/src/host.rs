//! The swarm: which transports and protocols the peer has, all of them the library's own.

use std::{error::Error, str::FromStr, time::Duration};

use either::Either;
use libp2p::{
    StreamProtocol, Swarm, SwarmBuilder, Transport,
    core::{muxing::StreamMuxerBox, transport::upgrade::Version},
    identify, kad, noise, ping,
    pnet::{PnetConfig, PreSharedKey},
    swarm::NetworkBehaviour,
    tcp, yamux,
};

#[derive(NetworkBehaviour)]
pub struct Behaviour {
    pub identify: identify::Behaviour,
    pub kad: kad::Behaviour<kad::store::MemoryStore>,
    pub ping: ping::Behaviour,
    pub streams: libp2p_stream::Behaviour,
}

pub fn make(
    swarm_key: Option<&str>,
    kad_protocol: &str,
) -> Result<Swarm<Behaviour>, Box<dyn Error>> {
    let psk = swarm_key.map(PreSharedKey::from_str).transpose()?;
    let kad_config = kad::Config::new(StreamProtocol::try_from_owned(kad_protocol.to_owned())?);
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_other_transport(|key| {
            let plain = tcp::tokio::Transport::new(tcp::Config::default());
            let maybe_private = match psk {
                Some(psk) => Either::Left(
                    plain.and_then(move |socket, _| PnetConfig::new(psk).handshake(socket)),
                ),
                None => Either::Right(plain),
            };
            let upgraded = maybe_private
                .upgrade(Version::V1Lazy)
                .authenticate(noise::Config::new(key)?)
                .multiplex(yamux::Config::default());
            Ok(upgraded.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer))))
        })?
        .with_behaviour(|key| {
            let own = key.public().to_peer_id();
            let mut kad =
                kad::Behaviour::with_config(own, kad::store::MemoryStore::new(own), kad_config);
            kad.set_mode(Some(kad::Mode::Server));
            Behaviour {
                identify: identify::Behaviour::new(identify::Config::new(
                    "/rust-peer/1.0.0".into(),
                    key.public(),
                )),
                kad,
                ping: ping::Behaviour::new(
                    ping::Config::new().with_interval(Duration::from_secs(1)),
                ),
                streams: libp2p_stream::Behaviour::new(),
            }
        })?
        // The library's default hangs up at once where nothing is going on.
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(600)))
        .build();
    Ok(swarm)
}
