//! A fan: cookies, a gateway, a connection, and a mind that says what to ask next.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::ask::{Addresses, Deed};
use crate::chance::Chance;
use crate::check::Sight;
use crate::clock::Clock;
use crate::jar::Jar;
use crate::journal::{Entry, Journal};
use crate::mind::{Mind, Step};
use crate::plan::Plan;
use crate::seen::{self, Seen};
use crate::sockets::Shelf;
use crate::token;
use crate::wire::{Answer, Broken, exchange};

/// How long a fan waits for an answer, as the queue page does.
const PATIENCE: Duration = Duration::from_secs(20);

/// What all fans of a run share.
#[derive(Debug)]
pub struct World {
    /// What the run is to do.
    pub plan: Plan,
    /// The time.
    pub clock: Clock,
    /// The connections.
    pub shelf: Rc<Shelf>,
    /// What is written down.
    pub journal: RefCell<Journal>,
    addresses: Addresses,
    queue_cookie: String,
    admission_cookie: String,
}

impl World {
    /// The world of a run of `fans` fans.
    #[must_use]
    pub fn new(plan: Plan, fans: usize, clock: Clock) -> Rc<Self> {
        Rc::new(Self {
            shelf: Shelf::new(&plan.sockets, clock),
            journal: RefCell::new(Journal::new(fans)),
            addresses: Addresses::new(&plan.host, &plan.room),
            queue_cookie: format!("anteroom-q-{}", plan.room),
            admission_cookie: format!("anteroom-a-{}", plan.room),
            plan,
            clock,
        })
    }
}

/// One fan.
#[derive(Debug)]
pub struct Fan {
    number: u32,
    world: Rc<World>,
    gateway: usize,
    jar: Jar,
    mind: Mind,
}

impl Fan {
    /// The fan with this number; `chance` gives its habits and its gateway.
    #[must_use]
    pub fn new(number: u32, world: Rc<World>, mut chance: Chance) -> Self {
        let gateway = chance.between(0.0, world.plan.gateways.len() as f64) as usize;
        Self {
            number,
            gateway,
            jar: Jar::default(),
            mind: Mind::new(&world.plan.habits, chance),
            world,
        }
    }

    /// Comes at `arrival`, and does what its mind says until it is gone.
    pub async fn visit(mut self, arrival: Duration) {
        let world = Rc::clone(&self.world);
        world.journal.borrow_mut().arrived(self.number, arrival);
        let (mut deed, mut due) = (Deed::Arrive, arrival);
        loop {
            world.clock.sleep_until(due).await;
            let seen = self.ask(deed, due).await;
            let now = world.clock.now();
            match self.mind.next(deed, &seen) {
                Step::Ask(next, after) => (deed, due) = (next, now + after),
                Step::End(end) => return world.journal.borrow_mut().ended(self.number, now, end),
            }
        }
    }

    async fn ask(&mut self, deed: Deed, due: Duration) -> Seen {
        let world = Rc::clone(&self.world);
        let request = world.addresses.request(deed, &self.jar.line());
        let sent = world.clock.now();
        let answered = tokio::time::timeout(PATIENCE, self.at_some_gateway(&request)).await;
        let answer = answered.unwrap_or_default();
        for line in answer.iter().flat_map(|answer| &answer.cookies) {
            self.jar.keep(line);
        }
        let seen = answer.as_ref().map_or(Seen::Nothing, seen::read);
        let queue = self.jar.value(&world.queue_cookie);
        let admission = self.jar.value(&world.admission_cookie);
        world.journal.borrow_mut().wrote(&Entry {
            due,
            status: answer.map_or(0, |answer| answer.status),
            sight: Sight {
                fan: self.number,
                deed,
                sent,
                at: world.clock.now(),
                seen: &seen,
                place: queue.and_then(token::place),
                admission: admission.and_then(token::admission).as_deref(),
            },
        });
        seen
    }

    /// Asks the fan's own gateway, and where that cannot be reached, the next one, whose fan it
    /// is from then on. The cookies go with it.
    async fn at_some_gateway(&mut self, request: &str) -> Option<Answer> {
        let world = Rc::clone(&self.world);
        for _ in &world.plan.gateways {
            let to = world.plan.gateways.get(self.gateway)?.public;
            if let Some(answer) = self.at(to, request).await {
                return Some(answer);
            }
            let next = (self.gateway + 1) % world.plan.gateways.len();
            world.journal.borrow_mut().switches += u64::from(next != self.gateway);
            self.gateway = next;
        }
        None
    }

    /// Asks on the connection kept, or on a new one if there is none or it was closed meanwhile.
    async fn at(&self, to: SocketAddr, request: &str) -> Option<Answer> {
        let shelf = &self.world.shelf;
        if let Some(line) = shelf.kept(self.number, to) {
            match self.over(line, request).await {
                Ok(answer) => return Some(answer),
                Err(Broken::Midway) => return None,
                Err(Broken::Unanswered) => {}
            }
        }
        let line = shelf.open(self.number, to).await.ok()?;
        self.world.journal.borrow_mut().connections += 1;
        self.over(line, request).await.ok()
    }

    async fn over(&self, mut line: crate::sockets::Line, request: &str) -> Result<Answer, Broken> {
        let answer = exchange(&mut line.stream, request.as_bytes()).await?;
        if answer.stays_open {
            self.world.shelf.keep(self.number, line);
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::mind::End;
    use crate::plan::{Gateway, Habits, Shape, Sockets};
    use crate::shop::MARKER;

    fn plan(gateways: Vec<SocketAddr>) -> Plan {
        Plan {
            title: String::new(),
            fans: 1,
            seconds: 1,
            shape: Shape::Steady,
            curve: None,
            at_most_s: 60,
            seed: 3,
            room: "sale".to_owned(),
            host: "shop.example".to_owned(),
            gateways: gateways
                .into_iter()
                .map(|public| Gateway {
                    public,
                    control: public,
                })
                .collect(),
            control_token: String::new(),
            habits: Habits {
                vanish: 0.0,
                never_claim: 0.0,
                impatient: 0.0,
                without_script: 0.0,
                claim_by_page: 0.0,
                leave: 0.0,
                pages: 1,
                think_s: 0.1,
            },
            sockets: Sockets {
                most: 10,
                keep_s: 60.0,
                addresses: 10,
            },
            marks: Vec::new(),
        }
    }

    /// Answers the requests of any number of connections in this order, each with `Connection:
    /// close`, and gives back their heads.
    async fn answers(listener: TcpListener, told: &[&str]) -> Vec<String> {
        let mut heads = Vec::new();
        for body in told {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4_096];
            let length = stream.read(&mut head).await.unwrap();
            heads.push(String::from_utf8_lossy(&head[..length]).into_owned());
            let answer = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nSet-Cookie: anteroom-q-sale=q{}\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                heads.len(),
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        heads
    }

    #[tokio::test]
    async fn a_fan_takes_its_cookies_to_another_gateway_and_goes_in_there() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let both = vec![gone.local_addr().unwrap(), here.local_addr().unwrap()];
        drop(gone);
        let world = World::new(plan(both), 1, Clock::start());
        let fan = Fan {
            gateway: 0,
            ..Fan::new(0, Rc::clone(&world), Chance::seeded(1))
        };
        let status = |state: &str, position: &str| {
            format!(r#"{{"state":"{state}","position":{position},"poll_after_s":1}}"#)
        };
        let first = status("waiting", "null").replace('"', "&quot;");
        let told = [
            format!("<main data-status=\"{first}\">"),
            status("waiting", "1"),
            status("released", "null"),
            status("admitted", "null"),
            MARKER.to_owned(),
        ];
        let told: Vec<&str> = told.iter().map(String::as_str).collect();

        let (heads, ()) = tokio::join!(answers(here, &told), fan.visit(Duration::ZERO));

        let lines: Vec<&str> = heads
            .iter()
            .filter_map(|head| head.lines().next())
            .collect();
        let rooms = "/_anteroom/rooms/sale";
        assert_eq!(
            lines,
            [
                "GET /buy/tickets HTTP/1.1".to_owned(),
                format!("GET {rooms}/status HTTP/1.1"),
                format!("GET {rooms}/status HTTP/1.1"),
                format!("POST {rooms}/claim HTTP/1.1"),
                "GET /buy/tickets HTTP/1.1".to_owned(),
            ]
        );
        assert!(heads[1].contains("Cookie: anteroom-q-sale=q1\r\n"));
        assert!(heads[4].contains("Cookie: anteroom-q-sale=q4\r\n"));
        let journal = world.journal.borrow();
        assert_eq!((journal.switches, journal.answers[&200]), (1, 5));
        assert_eq!(journal.lives[0].end, Some(End::Went));
        assert_eq!(journal.lives[0].first_position, Some(1));
    }
}
