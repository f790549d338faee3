#ifndef STORM_H
#define STORM_H

/** Plays a storm, of so many steps or until the choices end. */
extern void playStorm(int steps);

#endif
